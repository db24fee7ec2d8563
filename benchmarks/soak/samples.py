"""Periodic samples of processor and memory usage, by group of processes."""

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from benchmarks import processes

OTHERS = "others"


@dataclass(frozen=True)
class Group:
    """A group of processes: sessions, by their leaders, and single processes."""

    leaders: Collection[int] = ()
    processes: Collection[int] = ()


@dataclass(frozen=True)
class Sample:
    """The time in seconds; by group, the cores used since the previous sample, and the memory in bytes.

    The group "others" is the rest of the machine; its memory is not measured.
    """

    at: float
    cores: Mapping[str, float]
    memory: Mapping[str, int]


@dataclass
class Samples:
    """The samples of one test; each one reads a part of /proc."""

    groups: Mapping[str, Group]
    clock: Callable[[], float] = time.monotonic
    machine: Callable[[], float] = processes.machine
    taken: list[Sample] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Store the present usage."""
        self._begin = self._at = self.clock()
        self._used = dict.fromkeys(self.groups, 0.0)
        self._used, _memory = self._look()

    def take(self) -> None:
        """Add a sample."""
        at = self.clock()
        used, memory = self._look()
        passed = max(at - self._at, 1e-3)
        cores = {name: max(0.0, seconds - self._used[name]) / passed for name, seconds in used.items()}
        self._at, self._used = at, used
        self.taken.append(Sample(at - self._begin, cores, memory))

    def _look(self) -> tuple[dict[str, float], dict[str, int]]:
        shares = {
            name: processes.share(group.leaders, group.processes) for name, group in self.groups.items()
        }
        # The usage of an ended process has disappeared from /proc, but still counts.
        used = {name: max(share.seconds, self._used[name]) for name, share in shares.items()}
        used[OTHERS] = self.machine() - sum(used.values())
        return used, {name: share.memory for name, share in shares.items()}

    def mean_cores(self, name: str) -> float:
        """Return the average usage of a group; 0 without samples."""
        lengths = [
            after.at - before
            for before, after in zip((0.0, *(one.at for one in self.taken)), self.taken, strict=False)
        ]
        used = [sample.cores[name] * length for sample, length in zip(self.taken, lengths, strict=True)]
        return sum(used) / max(sum(lengths), 1e-3)

    def most_memory(self, name: str) -> int:
        """Return the peak memory of a group in bytes."""
        return max((sample.memory.get(name, 0) for sample in self.taken), default=0)
