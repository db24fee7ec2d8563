"""The gate in front of an object store: one that hangs must not keep the requests of all users waiting."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from lgi_protocol.s3_errors import S3Error, S3UnavailableError
from lgi_protocol.s3_requests import READ_SECONDS

# Seconds after which a request without an answer shows that a store hangs, and for which it is left alone.
SILENCE, PAUSE = 5.0, 10.0
# Seconds that a request waits for its turn.
WAIT_SECONDS = 5.0


class StoreGate:
    """Lets a bounded number of requests wait for a store, and after one without an answer one at a time.

    It is thread-safe.
    """

    def __init__(self, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        """Let ``most`` requests wait at once."""
        self._turns = threading.BoundedSemaphore(most)
        self._clock = clock
        self._guard = threading.Lock()
        self._is_silent = False
        # While the store is silent: when the next request may try it.
        self._next_try = 0.0

    @contextmanager
    def request(self) -> Iterator[None]:
        """Let a request wait for its answer while the block runs.

        Raises S3UnavailableError at once while the store is silent, and after some seconds while too many
        requests wait for it.
        """
        # Nobody waits for those that may still hang in a store that was seen to be silent.
        if not self._turns.acquire(timeout=0 if self._is_silent else WAIT_SECONDS):
            raise S3UnavailableError("too many requests wait for the store")
        try:
            self._check()
            with self._watched():
                yield
        finally:
            self._turns.release()

    def _check(self) -> None:
        with self._guard:
            if not self._is_silent:
                return
            now = self._clock()
            if now < self._next_try:
                raise S3UnavailableError("the store did not answer a short time ago")
            # This request tries it, and the others are refused until its end is known.
            self._next_try = now + READ_SECONDS + PAUSE

    @contextmanager
    def _watched(self) -> Iterator[None]:
        """Note whether the store answers the request of the block."""
        begin = self._clock()
        try:
            yield
        except S3Error as error:
            is_late = self._is_silent or self._clock() - begin >= SILENCE
            no_answer = isinstance(error, S3UnavailableError) and not error.status
            self._note(is_silent=no_answer and is_late)
            raise
        self._note(is_silent=False)

    def _note(self, *, is_silent: bool) -> None:
        with self._guard:
            self._is_silent = is_silent
            self._next_try = self._clock() + PAUSE
