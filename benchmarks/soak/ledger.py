"""What simulated daemons say they did to jobs, a line each, written at once."""

import json
import threading
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path


class Deed(StrEnum):
    """What happened to a job. Only what the server has confirmed is written."""

    CLAIMED = "claimed"
    ENDED = "ended"
    TAKEN_AWAY = "taken away"


@dataclass(frozen=True)
class Entry:
    """One deed of one daemon; ``reference`` is the one it claimed the job with."""

    deed: str
    job_id: int
    daemon: str
    reference: str


class Ledger:
    """A file that any thread of one process appends to."""

    def __init__(self, path: Path) -> None:
        """Create an empty ledger."""
        self._file = path.open("w", buffering=1)
        self._guard = threading.Lock()

    def note(self, deed: Deed, job_id: str, daemon: str, reference: str) -> None:
        """Write a line."""
        line = json.dumps(asdict(Entry(deed, int(job_id), daemon, reference)))
        with self._guard:
            self._file.write(f"{line}\n")

    def close(self) -> None:
        """Nothing more is written."""
        self._file.close()


def read(paths: Iterable[Path]) -> list[Entry]:
    """Return the entries of all files; a process that never started has none."""
    there = [path for path in paths if path.exists()]
    return [Entry(**json.loads(line)) for path in there for line in path.read_text().splitlines()]
