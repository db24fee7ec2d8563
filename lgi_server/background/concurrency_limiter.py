"""What the callers of a worker hold at the same time: calls, bodies that come in, requests of repositories.

Each is counted by one `ConcurrencyLimiter`, under the account of the caller: its certificate's.
"""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from lgi_protocol.errors import ErrorNumber, LGIError

# Whatever the number of places, everybody may have so many; and a job that runs no more than so many.
MIN_SLOTS, JOB_SLOTS = 8, 4
# Who waits for a place looks so often whether there is one.
LOOK_SECONDS = 0.25


class ConcurrencyLimiter:
    """A bounded number of places. Who finds none is told to come back instead of making everybody wait.

    Nobody has more than a quarter of them, however many connections it has. What a job holds is its own, and
    not its resource's: on that it might be anybody's.
    """

    def __init__(self, places: int) -> None:
        """For one worker: the places are not shared with others."""
        self._places = places
        self._share = max(MIN_SLOTS, places // 4)
        self._taken: Counter[str] = Counter()
        self._guard = threading.Lock()

    @contextmanager
    def place(self, account: str, most: int | None = None, wait: float = 0.0) -> Iterator[None]:
        """Provide a place for the time of a block, counted for an account, which may have ``most`` of them.

        Raises LGIError BACK_OFF when there is none for it within ``wait`` seconds.
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
            if self._taken.total() >= self._places or self._taken[account] >= share:
                return False
            self._taken[account] += 1
            return True
