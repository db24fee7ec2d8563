"""Values that are noted at once and stored within a second, each once however often it was noted.

For what many would write at the same time, each waiting for the other's commit. A process that is killed
takes a second of it along.
"""

import threading
import time
from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

SECONDS = 1.0
Key = TypeVar("Key")
Value = TypeVar("Value")


class WriteBehind(Generic[Key, Value]):
    """What one process still has to store."""

    def __init__(
        self, store: Callable[[dict[Key, Value]], Mapping[Key, Value]], seconds: float = SECONDS
    ) -> None:
        """``store`` answers what is to be tried again the next time, so many ``seconds`` later.

        No thread runs before there is something.
        """
        self._store = store
        self._seconds = seconds
        self._lock = threading.Lock()
        self._pending: dict[Key, Value] = {}
        self._running = False

    def add(self, key: Key, value: Value) -> None:
        """Have a value stored; it replaces an older one that was not stored yet."""
        with self._lock:
            self._pending[key] = value
            if self._running:
                return
            self._running = True
        threading.Thread(target=self._keep_flushing, daemon=True).start()

    def flush(self) -> bool:
        """Store what has come together now; whether there was anything."""
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
        """Write until nothing is left, so that an idle process does nothing.

        A fault of ours ends it too, told by the thread; what is added after it starts it again.
        """
        is_left = True
        try:
            while is_left:
                time.sleep(self._seconds)
                is_left = self.flush()
        finally:
            if is_left:
                with self._lock:
                    self._running = False
