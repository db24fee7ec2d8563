"""The journals of simulated daemons: one line for each action on a job, not buffered."""

import json
import threading
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path


class Deed(StrEnum):
    """An action on a job. It is written after the server has confirmed it."""

    CLAIMED = "claimed"
    ENDED = "ended"
    TAKEN_AWAY = "taken away"


@dataclass(frozen=True)
class Entry:
    """An action of a daemon; ``reference`` is the daemon reference with which it claimed the job."""

    deed: str
    job_id: int
    daemon: str
    reference: str


class Ledger:
    """A file to which the threads of one process append."""

    def __init__(self, path: Path) -> None:
        """Create an empty file."""
        self._file = path.open("w", buffering=1)
        self._guard = threading.Lock()

    def note(self, deed: Deed, job_id: str, daemon: str, reference: str) -> None:
        """Append a line."""
        line = json.dumps(asdict(Entry(deed, int(job_id), daemon, reference)))
        with self._guard:
            self._file.write(f"{line}\n")

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def read(paths: Iterable[Path]) -> list[Entry]:
    """Return the entries of all files; a missing file is of a process that never started."""
    there = [path for path in paths if path.exists()]
    return [Entry(**json.loads(line)) for path in there for line in path.read_text().splitlines()]
