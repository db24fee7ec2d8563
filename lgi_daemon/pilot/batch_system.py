"""What LGI_pilot needs to know of a batch system: how to submit, to list jobs, and to read the answers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path


class BatchState(Enum):
    """The state of a job in the batch system. ENDED is one that it still lists."""

    WAITING = "waiting"
    RUNNING = "running"
    ENDED = "ended"


@dataclass(frozen=True)
class BatchJob:
    """A job of the batch system: its id, its name, and its state."""

    batch_id: str
    name: str
    state: BatchState


@dataclass(frozen=True)
class PilotScript:
    """The script of a pilot: the name of its job, the file, and the file of its output."""

    name: str
    file: Path
    output: Path


@dataclass(frozen=True)
class BatchSystem:
    """The commands of a batch system, as words without a shell, and the readers of their output.

    ``submit`` returns the words in front of the owner's options, and the script follows those. ``read_id``
    returns the id in the answer, empty when there is none; ``read_jobs`` raises ValueError for an answer that
    is none.
    """

    name: str
    submit: Callable[[PilotScript], Sequence[str]]
    read_id: Callable[[str], str]
    query: Callable[[], Sequence[str]]
    read_jobs: Callable[[str], list[BatchJob]]
