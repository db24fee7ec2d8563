"""Statements that belong to no transaction: run within a second, once for all that asked for them."""

import logging
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

from lgi_protocol.errors import LGIError

log = logging.getLogger("lgi.soon")
SECONDS = 1.0
# So many are kept while the database is away; the oldest go first.
MOST_KEPT = 1000

Statement = tuple[str, tuple[Any, ...]]


class DeferredWrites:
    """What one process still has to run in one database. A killed process takes a second of it along."""

    def __init__(self, run: Callable[[list[Statement]], object]) -> None:
        """``run`` does all or nothing; LGIError when it cannot. No thread runs before there is something."""
        self._run = run
        self._lock = threading.Lock()
        self._wanted: dict[Statement, None] = {}
        self._running = False

    def add(self, statements: Iterable[Statement]) -> None:
        """Have statements run soon; the same one again changes nothing."""
        with self._lock:
            self._wanted.update(dict.fromkeys(statements))
            if self._running or not self._wanted:
                return
            self._running = True
        threading.Thread(target=self._run_soon, daemon=True).start()

    def _run_soon(self) -> None:
        """Ends when there is nothing, so that an idle process does nothing.

        A fault of ours ends it too, told by the thread; what is asked for after it starts it again.
        """
        is_left = True
        try:
            while is_left:
                time.sleep(SECONDS)
                is_left = self.run()
        finally:
            if is_left:
                with self._lock:
                    self._running = False

    def run(self) -> bool:
        """Run what has come together; whether there was anything. What fails is kept for the next time."""
        with self._lock:
            wanted, self._wanted = self._wanted, {}
            if not wanted:
                self._running = False
                return False
        try:
            self._run(list(wanted))
        except LGIError as error:
            log.warning("%d statements were not run yet: %s", len(wanted), error)
            with self._lock:
                kept = [*wanted, *self._wanted][-MOST_KEPT:]
                self._wanted = dict.fromkeys(kept)
        return True
