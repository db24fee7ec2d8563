"""Which resources wait for jobs in all workers of a server: each takes its share and leaves others theirs.

Each worker has a row in memory that they share, with how many resources ask for jobs in its calls, waiting or
woken and not answered yet, and the least load among them. Several calls of a resource count as one. The rows
of the others are a hint: their resources may wait for jobs of other applications.
"""

import mmap
import struct
from collections import Counter
from dataclasses import dataclass
from typing import Generic, TypeVar

from lgi_server.background.long_poll import Subscription

_ROW = struct.Struct("=iii")
NONE = -1
Caller = TypeVar("Caller", bound=Subscription)


def worker_slots(workers: int) -> int:
    """Return for how many workers there are rows: twice as many as run, for a moment at a reload."""
    return 2 * workers + 1


@dataclass(frozen=True)
class Asking:
    """How many resources ask for jobs, how many of these were woken, and the least load in percent."""

    number: int = 0
    woken: int = 0
    load: int = 0


class WaitingRows:
    """The rows of all workers, by their slots in the table of loads."""

    def __init__(self, slots: int) -> None:
        """Create them before any fork."""
        self._slots = slots
        self._memory = mmap.mmap(-1, slots * _ROW.size)

    def store(self, slot: int, row: Asking) -> None:
        """Store the row of a worker; one without a slot has none."""
        if slot != NONE:
            load = max(0, min(row.load, 2**31 - 1))
            _ROW.pack_into(self._memory, slot * _ROW.size, row.number, row.woken, load)

    def of_others(self, own: int) -> Asking:
        """Return the sum of the rows of the others, nothing for a worker without a slot."""
        if own == NONE:
            return Asking()
        others = (slot for slot in range(self._slots) if slot != own)
        rows = [Asking(*_ROW.unpack_from(self._memory, slot * _ROW.size)) for slot in others]
        asking = [row for row in rows if row.number]
        return Asking(
            sum(row.number for row in asking),
            sum(row.woken for row in asking),
            min((row.load for row in asking), default=0),
        )


class WaitingResources(Generic[Caller]):
    """The calls of this worker that ask for jobs of a project, beside those of the other workers."""

    def __init__(self, rows: WaitingRows | None = None) -> None:
        """Take the rows; this worker has none before ``slot`` is set."""
        self._rows = rows or WaitingRows(1)
        self.slot = NONE
        # By the identity of each, as two calls of a resource may be equal.
        self._asking: dict[int, tuple[Caller, int]] = {}
        self._woken: set[int] = set()
        # How many there are with each load, and of each resource: thousands may wait.
        self._loads: Counter[int] = Counter()
        self._names: Counter[str] = Counter()

    def ask(self, caller: Caller, load: int) -> None:
        """Add a call that waits for jobs, or waits again."""
        self._remove(caller)
        self._asking[id(caller)] = caller, load
        self._loads[load] += 1
        self._names[caller.caller] += 1
        self._publish()

    def woke(self, caller: Caller) -> None:
        """Record that a call was woken to take jobs."""
        if id(caller) in self._asking:
            self._woken.add(id(caller))
            self._publish()

    def answered(self, caller: Caller) -> None:
        """Forget a call."""
        self._remove(caller)
        self._publish()

    def _remove(self, caller: Caller) -> None:
        self._woken.discard(id(caller))
        known = self._asking.pop(id(caller), None)
        if known is not None:
            _count_down(self._loads, known[1])
            _count_down(self._names, caller.caller)

    @property
    def callers(self) -> tuple[Caller, ...]:
        """The calls of this worker that ask for jobs."""
        return tuple(caller for caller, _load in self._asking.values())

    @property
    def woken(self) -> tuple[Caller, ...]:
        """Those of them that were woken and are not answered yet."""
        return tuple(self._asking[number][0] for number in self._woken)

    def elsewhere(self) -> Asking:
        """Return what the other workers have."""
        return self._rows.of_others(self.slot)

    def free(self, slot: int) -> None:
        """Clear the row of a worker that has ended."""
        self._rows.store(slot, Asking())

    def _publish(self) -> None:
        woken = {caller.caller for caller in self.woken}
        row = Asking(len(self._names), len(woken), min(self._loads, default=0))
        self._rows.store(self.slot, row)


_Key = TypeVar("_Key")


def _count_down(counter: Counter[_Key], key: _Key) -> None:
    """Count one less, and forget a key of which there is none."""
    counter[key] -= 1
    if not counter[key]:
        del counter[key]
