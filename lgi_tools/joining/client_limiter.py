"""Limits of the enrolment server for each address: connections, and guesses of tokens."""

import threading
import time
from collections import Counter, deque
from collections.abc import Callable

# Connections at a time, and those of one address.
MAX_CONNECTIONS, MAX_PER_ADDRESS = 64, 8
# Invalid tokens of one address within so many seconds; then its requests are refused.
MAX_INVALID, INVALID_SECONDS = 10, 60.0
_MAX_ADDRESSES = 10_000


class ClientLimiter:
    """The number of connections and of invalid tokens per address."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Use ``clock``, which returns monotonic seconds."""
        self._clock = clock
        self._lock = threading.Lock()
        self._connections: Counter[str] = Counter()
        self._invalid: dict[str, deque[float]] = {}

    def enter(self, address: str) -> bool:
        """Return whether one more connection of an address is allowed, and count it."""
        with self._lock:
            if self._connections.total() >= MAX_CONNECTIONS or self._connections[address] >= MAX_PER_ADDRESS:
                return False
            self._connections[address] += 1
            return True

    def leave(self, address: str) -> None:
        """Release a counted connection."""
        with self._lock:
            self._connections[address] -= 1
            if not self._connections[address]:
                del self._connections[address]

    def count_invalid(self, address: str) -> None:
        """Count an invalid token."""
        with self._lock:
            if len(self._invalid) >= _MAX_ADDRESSES:
                self._invalid.pop(next(iter(self._invalid)))
            self._invalid.setdefault(address, deque(maxlen=MAX_INVALID)).append(self._clock())

    def is_blocked(self, address: str) -> bool:
        """Return whether an address has sent too many invalid tokens within a minute."""
        with self._lock:
            times = self._invalid.get(address, deque())
            return len(times) == MAX_INVALID and self._clock() - times[0] < INVALID_SECONDS
