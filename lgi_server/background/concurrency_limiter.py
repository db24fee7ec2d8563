"""How many calls a worker answers at the same time."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from lgi_protocol.errors import ErrorNumber, LGIError

# Whatever the number of places, everybody may have so many; and a job that runs no more than so many.
MIN_SLOTS, JOB_SLOTS = 8, 4


class ConcurrencyLimiter:
    """A bounded number of places. Who finds none is told to come back instead of making everybody wait.

    Nobody has more than a quarter of them: a body that comes slowly keeps a place, and one may send many.
    What a job holds is its own, and not its resource's: on that it might be anybody's.
    """

    def __init__(self, places: int) -> None:
        """For one worker: the places are not shared with others."""
        self._places = places
        self._share = max(MIN_SLOTS, places // 4)
        self._taken: Counter[str] = Counter()
        self._guard = threading.Lock()

    @contextmanager
    def place(self, account: str, most: int | None = None) -> Iterator[None]:
        """Provide a place for the time of a block, counted for an account, which may have ``most`` of them.

        Raises LGIError BACK_OFF when there is none for it.
        """
        share = self._share if most is None else min(most, self._share)
        with self._guard:
            if self._taken.total() >= self._places or self._taken[account] >= share:
                raise LGIError(ErrorNumber.BACK_OFF)
            self._taken[account] += 1
        try:
            yield
        finally:
            with self._guard:
                self._taken[account] -= 1
                if not self._taken[account]:
                    del self._taken[account]
