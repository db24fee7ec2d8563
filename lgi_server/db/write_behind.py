"""Write-behind: values that are kept in memory and stored within a second, each key once.

For rows that many transactions write at once, waiting for each other's commit. The values of the last second
are lost when the process is killed.
"""

import threading
import time
from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

SECONDS = 1.0
Key = TypeVar("Key")
Value = TypeVar("Value")


class WriteBehind(Generic[Key, Value]):
    """The values that one process still has to store, by key."""

    def __init__(
        self, store: Callable[[dict[Key, Value]], Mapping[Key, Value]], seconds: float = SECONDS
    ) -> None:
        """Create the buffer; no thread runs before a value is added.

        ``store`` is called at most once in ``seconds`` and returns the values to try again the next time.
        """
        self._store = store
        self._seconds = seconds
        self._lock = threading.Lock()
        self._storing = threading.Lock()
        self._pending: dict[Key, Value] = {}
        self._running = False

    def add(self, key: Key, value: Value) -> None:
        """Add a value to store; it replaces an older one of its key that is not stored yet."""
        with self._lock:
            self._pending[key] = value
            if self._running:
                return
            self._running = True
        threading.Thread(target=self._keep_flushing, daemon=True).start()

    def flush(self) -> bool:
        """Store all pending values, after those that are being stored, and return whether there were any."""
        with self._storing:
            with self._lock:
                pending, self._pending = self._pending, {}
                if not pending:
                    self._running = False
                    return False
            if kept := self._store(pending):
                with self._lock:
                    self._pending = {**kept, **self._pending}
            return True

    def _keep_flushing(self) -> None:
        """Store values until none is left, so that an idle process has no thread.

        An unexpected exception ends the thread; the next `add` starts a new one.
        """
        has_more = True
        try:
            while has_more:
                time.sleep(self._seconds)
                has_more = self.flush()
        finally:
            if has_more:
                with self._lock:
                    self._running = False
