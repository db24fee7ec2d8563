"""Limits on what the callers of a worker hold at the same time: calls, bodies being received, transfers.

Each is counted by one `ConcurrencyLimiter`, under the account of the caller's certificate.
"""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from lgi_protocol.errors import ErrorNumber, LGIError

# Each account may have MIN_SLOTS, however few slots there are; a running job has at most JOB_SLOTS.
MIN_SLOTS, JOB_SLOTS = 8, 4
# Who waits for a place looks so often whether there is one.
LOOK_SECONDS = 0.25


class ConcurrencyLimiter:
    """A bounded number of slots of one worker. A request that finds none free is refused, not queued.

    No account has more than a quarter of them, however many connections it has. A job has an account of its
    own, not that of its resource, on which anybody's jobs may run.
    """

    def __init__(self, slots: int) -> None:
        """Create ``slots`` slots, at least MIN_SLOTS of which one caller may have."""
        self._slots = slots
        self._share = max(MIN_SLOTS, slots // 4)
        self._taken: Counter[str] = Counter()
        self._guard = threading.Lock()

    @contextmanager
    def slot(self, account: str, most: int | None = None, wait: float = 0.0) -> Iterator[None]:
        """Hold a slot for an account, which may have ``most`` of them, while the block runs.

        Raises LGIError BACK_OFF when none is free within ``wait`` seconds.
        """
        share = self._share if most is None else min(most, self._share)
        end = time.monotonic() + wait
        while not self._take(account, share):
            if time.monotonic() >= end:
                raise LGIError(ErrorNumber.BACK_OFF)
            time.sleep(LOOK_SECONDS)
        try:
            yield
        finally:
            with self._guard:
                self._taken[account] -= 1
                if not self._taken[account]:
                    del self._taken[account]

    def _take(self, account: str, share: int) -> bool:
        with self._guard:
            if self._taken.total() >= self._slots or self._taken[account] >= share:
                return False
            self._taken[account] += 1
            return True
