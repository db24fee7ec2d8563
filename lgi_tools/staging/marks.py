"""The records of LGI_stage between two runs, in the job's state directory."""

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

# The fetched files, written when all are fetched. Scripts test whether it exists.
NOTE = "staged"
# The files fetched, or stored, so far: one line per file, added when its transfer is complete.
FETCHED, STORED = "fetched", "stored"
# One line for the user: the entries that can never be stored.
OMISSIONS = "not_stored"
# Shows whether a file has changed: its size in bytes and the time of its last change in nanoseconds.
Fingerprint = list[int]


def state_directory(directory: Path) -> Path:
    """Return the state directory of a job, as set by its daemon; older daemons do not set it."""
    return Path(os.environ.get("LGI_STATE_DIRECTORY") or directory / ".LGI_job")


def fingerprint(status: os.stat_result) -> Fingerprint:
    """Return the fingerprint of a file."""
    return [status.st_size, status.st_mtime_ns]


class Marks:
    """The records of one job."""

    def __init__(self, directory: Path) -> None:
        """Use the job's ``directory``, and create the state directory if it does not exist."""
        self.state = state_directory(directory)
        self.state.mkdir(mode=0o700, exist_ok=True)

    def note(self, fetched: Mapping[str, Fingerprint]) -> None:
        """Record that all files were fetched, with their fingerprints."""
        self._write(NOTE, json.dumps(fetched))

    def noted(self) -> dict[str, Fingerprint]:
        """Return the fetched files; empty for an unreadable record, so that all files are stored."""
        try:
            found = json.loads((self.state / NOTE).read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def add(self, kind: str, *lines: object) -> None:
        """Record finished files: each of ``lines`` is a list that starts with the name of a file.

        Errors such as a full disk are ignored: the next run transfers the file again.
        """
        text = "".join(json.dumps(line) + "\n" for line in lines)
        with suppress(OSError), open(self.state / kind, "a", encoding="utf-8") as opened:
            opened.write(text)

    def lines(self, kind: str) -> dict[str, list[object]]:
        """Return the last record of each file, without its name. An incomplete line is ignored."""
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
        """Write the line of entries that are not stored; remove the file for an empty line."""
        if line:
            self._write(OMISSIONS, f"{line}\n")
        else:
            (self.state / OMISSIONS).unlink(missing_ok=True)

    def _write(self, name: str, text: str) -> None:
        """Write a file atomically."""
        new = self.state / f"{name}.new"
        new.write_text(text, "utf-8")
        new.replace(self.state / name)
