"""The directory of LGI_pilot, which it locks: the pilots, each in a directory of its own, and the status.

.lock                 host, boot and pid of the LGI_pilot that has it
status.json           what the last update has found, for ``LGI_pilot --status``
failures.json         failures in a row, and the time of the last one
NAME/record.json      the record of a pilot, there before it is submitted
NAME/script           what the batch system runs
NAME/run, NAME/log    run directory and log of its daemon
NAME/began, ended     there when the script has begun; the exit code of the daemon
ended/NAME            pilots that have ended, the last ones
"""

import json
import logging
import os
from pathlib import Path
from typing import Any

from lgi_daemon.files import atomic_file
from lgi_daemon.files.rmtree import remove_tree
from lgi_daemon.pilot import pilot_script
from lgi_daemon.pilot.record import PilotRecord, is_pilot_name, read_record
from lgi_daemon.pilot.settings import PilotDaemon
from lgi_daemon.rundir.directory_lock import DirectoryLock

log = logging.getLogger(__name__)

_ENDED = "ended"
# Ended pilots whose log is kept, and bytes that are read of a file.
KEPT, _MOST_BYTES = 20, 65_536
# The daemons of root run jobs under other uids.
_IS_OURS = os.geteuid() != 0


class PilotDirectory:
    """The directory with the pilots of one LGI_pilot."""

    def __init__(self, path: Path, mode: int = 0o700) -> None:
        """Read and lock nothing yet. ``mode`` is that of the directories of pilots."""
        self.path = path
        self._mode = mode
        self.lock = DirectoryLock(path, "LGI_pilot")

    def claim(self) -> None:
        """Lock the directory until the process ends. Raise DirectoryInUseError when it is in use."""
        self.lock.claim()
        (self.path / _ENDED).mkdir(mode=0o700, exist_ok=True)

    def records(self) -> list[PilotRecord]:
        """Return the records of all pilots, the oldest first; what has none was never submitted, and goes."""
        found = []
        for name in sorted(filter(is_pilot_name, os.listdir(self.path))):
            try:
                record = read_record(self._read(name, pilot_script.RECORD))
            except FileNotFoundError:
                # The end of LGI_pilot came before the record: no batch system knows it.
                remove_tree(self.path / name, _IS_OURS)
                continue
            except (OSError, ValueError) as error:
                log.critical("%s/%s cannot be read, remove it: %s", self.path, name, error)
                continue
            if record.name == name:
                found.append(record)
        return sorted(found, key=lambda one: one.submitted_at)

    def create(self, record: PilotRecord, daemon: PilotDaemon) -> Path:
        """Make the directory of a pilot, with its record last. Raise OSError. Return its script."""
        folder = self.path / record.name
        folder.mkdir(mode=0o700)
        folder.chmod(self._mode)
        (folder / pilot_script.RUN).mkdir()
        (folder / pilot_script.RUN).chmod(self._mode)
        text = pilot_script.pilot_script(folder, daemon)
        atomic_file.write(folder, pilot_script.SCRIPT, text.encode(), 0o700)
        self.save(record)
        atomic_file.sync_folder(self.path)
        return folder / pilot_script.SCRIPT

    def save(self, record: PilotRecord) -> None:
        """Write a record. Raise OSError."""
        atomic_file.write(self.path / record.name, pilot_script.RECORD, record.to_json())

    def began_at(self, name: str) -> float | None:
        """Return when the script of a pilot has begun; None before."""
        try:
            return (self.path / name / pilot_script.BEGAN).lstat().st_mtime
        except OSError:
            return None

    def exit_code(self, name: str) -> str:
        """Return the exit code of the daemon of a pilot; empty when it has not ended, or was killed."""
        try:
            text = self._read(name, pilot_script.ENDED)[:20].decode("ascii", "replace").strip()
        except OSError:
            return ""
        return _printable(text)

    def last_words(self, name: str) -> str:
        """Return the last line that the daemon of a pilot has printed or logged; empty without one."""
        for file in (pilot_script.OUTPUT, pilot_script.LOG):
            try:
                lines = self._read(name, file, from_end=True).decode("utf-8", "replace").split("\n")
            except OSError:
                continue
            if told := [line.strip() for line in lines if line.strip()]:
                return _printable(told[-1][:300])
        return ""

    def _read(self, name: str, file: str, *, from_end: bool = False) -> bytes:
        """Return a file of a pilot, at most _MOST_BYTES; no link is followed."""
        descriptor = os.open(self.path / name / file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with open(descriptor, "rb") as opened:
            if from_end:
                opened.seek(max(0, os.fstat(descriptor).st_size - _MOST_BYTES))
            return opened.read(_MOST_BYTES)

    def forget(self, record: PilotRecord) -> None:
        """Delete a pilot that no batch system has, the record first. Raise OSError."""
        (self.path / record.name / pilot_script.RECORD).unlink()
        remove_tree(self.path / record.name, _IS_OURS)

    def bury(self, record: PilotRecord) -> None:
        """Move a pilot that has ended to the others, of which the last ones are kept. Raise OSError."""
        ended = self.path / _ENDED
        (self.path / record.name).rename(ended / record.name)
        old = sorted(ended.iterdir(), key=lambda one: one.lstat().st_mtime)[:-KEPT]
        for path in old:
            remove_tree(path, _IS_OURS)

    def write_json(self, name: str, values: dict[str, Any]) -> None:
        """Write a file of the directory. Raise OSError."""
        atomic_file.write(self.path, name, f"{json.dumps(values)}\n".encode(), durable=False)

    def read_json(self, name: str) -> dict[str, Any]:
        """Return a file of the directory; empty when there is none, or it is none of ours."""
        try:
            values = json.loads((self.path / name).read_bytes()[:10_000_000])
        except (OSError, ValueError, RecursionError):
            return {}
        return values if isinstance(values, dict) else {}


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in text)
