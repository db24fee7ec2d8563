"""What LGI_stage remembers of a job between two runs, in the job's state directory."""

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

# What was fetched; its being there says that all was. Scripts look for it.
NOTE = "staged"
# What was fetched, or stored, so far: a line for each file, added as soon as it is done.
FETCHED, STORED = "fetched", "stored"
# A line for the user: what is not stored and never will be.
OMISSIONS = "not_stored"
# By which a file is known to be as it was: its size in bytes and the time of its last change in nanoseconds.
Fingerprint = list[int]


def state_directory(directory: Path) -> Path:
    """Where the marks and streams of a job are, as its daemon says; an older daemon does not say it."""
    return Path(os.environ.get("LGI_STATE_DIRECTORY") or directory / ".LGI_job")


def fingerprint(status: os.stat_result) -> Fingerprint:
    """That of a file."""
    return [status.st_size, status.st_mtime_ns]


class Marks:
    """The marks of one job."""

    def __init__(self, directory: Path) -> None:
        """``directory`` is the job's. Makes the state directory if need be."""
        self.state = state_directory(directory)
        self.state.mkdir(mode=0o700, exist_ok=True)

    def note(self, fetched: Mapping[str, Fingerprint]) -> None:
        """Remember that all was fetched, and what it was."""
        self._write(NOTE, json.dumps(fetched))

    def noted(self) -> dict[str, Fingerprint]:
        """What was fetched; nothing, so that all is stored, when the note cannot be read."""
        try:
            found = json.loads((self.state / NOTE).read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def add(self, kind: str, *lines: object) -> None:
        """Remember what was done: each of ``lines`` is a list that begins with the name of a file.

        On a full disk it is forgotten: what is done once more is better than what is not done.
        """
        text = "".join(json.dumps(line) + "\n" for line in lines)
        with suppress(OSError), open(self.state / kind, "a", encoding="utf-8") as opened:
            opened.write(text)

    def lines(self, kind: str) -> dict[str, list[object]]:
        """What was remembered last of each file, without its name. A line that was cut is none."""
        found: dict[str, list[object]] = {}
        try:
            text = (self.state / kind).read_text("utf-8")
        except (OSError, ValueError):
            return {}
        for line in text.split("\n")[:-1]:
            try:
                name, *rest = json.loads(line)
            except (ValueError, TypeError):
                continue
            if isinstance(name, str):
                found[name] = rest
        return found

    def omit(self, line: str) -> None:
        """Leave word of what is not stored; an empty line when there is nothing."""
        if line:
            self._write(OMISSIONS, f"{line}\n")
        else:
            (self.state / OMISSIONS).unlink(missing_ok=True)

    def _write(self, name: str, text: str) -> None:
        """All at once."""
        new = self.state / f"{name}.new"
        new.write_text(text, "utf-8")
        new.replace(self.state / name)
