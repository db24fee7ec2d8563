"""How many calls a worker answers at the same time."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from lgi_protocol.errors import ErrorNumber, LGIError

# Whatever the number of places, everybody may have so many.
MIN_SLOTS = 8


class ConcurrencyLimiter:
    """A bounded number of places. Who finds none is told to come back instead of making everybody wait.

    Nobody has more than a quarter of them: a body that comes slowly keeps a place, and one may send many.
    """

    def __init__(self, places: int) -> None:
        """For one worker: the places are not shared with others."""
        self._places = places
        self._share = max(MIN_SLOTS, places // 4)
        self._taken: Counter[str] = Counter()
        self._guard = threading.Lock()

    @contextmanager
    def place(self, name: str) -> Iterator[None]:
        """Provide a place of a caller for the time of a block.

        Raises LGIError BACK_OFF when there is none for it.
        """
        with self._guard:
            if self._taken.total() >= self._places or self._taken[name] >= self._share:
                raise LGIError(ErrorNumber.BACK_OFF)
            self._taken[name] += 1
        try:
            yield
        finally:
            with self._guard:
                self._taken[name] -= 1
                if not self._taken[name]:
                    del self._taken[name]
