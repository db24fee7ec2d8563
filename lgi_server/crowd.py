"""How many calls a worker answers at the same time."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from lgi_protocol.errors import ErrorNumber, LGIError


class Crowd:
    """A bounded number of places. Who finds none is told to come back instead of making everybody wait."""

    def __init__(self, places: int) -> None:
        """For one worker: the places are not shared with others."""
        self._places = threading.BoundedSemaphore(places)

    @contextmanager
    def place(self) -> Iterator[None]:
        """A place for the time of a block; LGIError BACK_OFF when all are taken."""
        if not self._places.acquire(blocking=False):
            raise LGIError(ErrorNumber.BACK_OFF)
        try:
            yield
        finally:
            self._places.release()
