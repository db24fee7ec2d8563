"""Who uses the processors and the memory, looked at again and again."""

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from benchmarks import processes

OTHERS = "others"


@dataclass(frozen=True)
class Group:
    """Processes that belong together: sessions by their leaders, and single ones."""

    leaders: Collection[int] = ()
    processes: Collection[int] = ()


@dataclass(frozen=True)
class Sample:
    """Seconds since the begin; by group, the cores used since the sample before and the memory in bytes.

    The group "others" is the rest of the machine; its memory is not looked at.
    """

    at: float
    cores: Mapping[str, float]
    memory: Mapping[str, int]


@dataclass
class Samples:
    """The samples of one test; each look costs some reading in /proc."""

    groups: Mapping[str, Group]
    clock: Callable[[], float] = time.monotonic
    machine: Callable[[], float] = processes.machine
    taken: list[Sample] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Begins to count now."""
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
        # What a process has used is not seen any more when it has ended, but it was used.
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
