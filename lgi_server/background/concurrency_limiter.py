"""Limits on what the callers of a worker hold at the same time: calls, bodies being received, transfers.

Each is counted by one `ConcurrencyLimiter`, under the account of the caller's certificate.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Protocol

from lgi_protocol.errors import ErrorNumber, LGIError

# Each account may have MIN_SLOTS, however few slots there are; a running job has at most JOB_SLOTS.
MIN_SLOTS, JOB_SLOTS = 8, 4
# A request that waits for a slot looks so often whether one is free, and after how long one is freed for it.
LOOK_SECONDS, FREE_SECONDS = 0.25, 1.0


class Holder(Protocol):
    """The connection of a request that holds a slot."""

    is_cut: bool

    def stalled(self, now: float) -> float | None:
        """Return the seconds for which its client has kept us waiting, None while we keep that waiting."""

    def cut(self) -> None:
        """End the connection; the request that holds the slot fails soon."""


class ConcurrencyLimiter:
    """A bounded number of slots of one worker. A request that finds none free is refused, or waits a little.

    No account has more than a quarter of them, however many connections it has. A job has an account of its
    own, not that of its resource, on which anybody's jobs may run.
    """

    def __init__(self, slots: int) -> None:
        """Create ``slots`` slots, at least MIN_SLOTS of which one caller may have."""
        self._slots = slots
        self._share = max(MIN_SLOTS, slots // 4)
        # By account and slot: the connection that can be ended, if there is one.
        self._held: dict[str, dict[object, Holder | None]] = {}
        # Requests that wait for a slot, by account and what it may have.
        self._waiting: Counter[tuple[str, int]] = Counter()
        self._guard = threading.Lock()

    @contextmanager
    def slot(
        self, account: str, most: int | None = None, wait: float = 0.0, holder: Holder | None = None
    ) -> Iterator[None]:
        """Hold a slot for an account, which may have ``most`` of them, while the block runs.

        Raises LGIError BACK_OFF when none is free within ``wait`` seconds. Meanwhile the account with most
        slots loses one of those whose ``holder`` is kept waiting by its client, if it has more than this one
        would have, and a free slot is left to the waiting account with fewest: a few accounts that hold all
        slots keep nobody out.
        """
        share = self._share if most is None else min(most, self._share)
        slot = object()
        if not self._take(account, share, slot, holder):
            with self._waiting_for(account, share):
                take = partial(self._take, account, share, slot, holder)
                self._wait(account, share, take, time.monotonic() + wait, holder)
        try:
            yield
        finally:
            with self._guard:
                del self._held[account][slot]
                if not self._held[account]:
                    del self._held[account]

    @contextmanager
    def _waiting_for(self, account: str, share: int) -> Iterator[None]:
        with self._guard:
            self._waiting[account, share] += 1
        try:
            yield
        finally:
            with self._guard:
                self._waiting -= Counter({(account, share): 1})

    def _wait(
        self, account: str, share: int, take: Callable[[], bool], end: float, holder: Holder | None
    ) -> None:
        freeing = time.monotonic() + FREE_SECONDS
        while not take():
            now = time.monotonic()
            # A request whose connection was closed would keep its place among the connections.
            if now >= end or (holder is not None and holder.is_cut):
                raise LGIError(ErrorNumber.BACK_OFF, self._reason(account, share))
            if now >= freeing:
                self._free_one(account, share, now)
                freeing = now + FREE_SECONDS
            time.sleep(LOOK_SECONDS)

    def _take(self, account: str, share: int, slot: object, holder: Holder | None) -> bool:
        with self._guard:
            number = self._number(account)
            if self._total() >= self._slots or number >= share:
                return False
            if any(self._number(other) < min(number, most) for other, most in self._waiting):
                return False
            self._held.setdefault(account, {})[slot] = holder
            return True

    def _reason(self, account: str, share: int) -> str:
        """Return which limit has refused a request, for the log and the answer."""
        with self._guard:
            if (number := self._number(account)) >= share:
                return f"{number} requests of this caller at once"
            return f"{self._total()} requests at once in this worker"

    def _total(self) -> int:
        return sum(map(len, self._held.values()))

    def _number(self, account: str) -> int:
        return len(self._held.get(account, ()))

    def _free_one(self, account: str, share: int, now: float) -> None:
        """End the slowest request of the account with most slots, if ``account`` would have fewer."""
        with self._guard:
            if self._number(account) >= share or self._total() < self._slots:
                return
            largest = max(self._held.values(), key=len)
            if len(largest) <= self._number(account) + 1:
                return
            stalled = {slot: one.stalled(now) for slot, one in largest.items() if one is not None}
            slowest = max(stalled, key=lambda slot: stalled[slot] or 0.0, default=None)
            if slowest is None or stalled[slowest] is None:
                return
            ended, largest[slowest] = largest[slowest], None
        if ended is not None:
            ended.cut()
