"""The pause between two exchanges with reports, so that one has those of several jobs."""

import time
from collections.abc import Callable
from threading import Lock

# Seconds for which a slot may stay empty. An exchange takes milliseconds of processor here and at the server,
# however little is in it.
SECONDS = 0.03


class ReportPause:
    """How long the next report to a project and server waits, for several threads."""

    def __init__(
        self,
        seconds: float = SECONDS,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Let ``seconds`` pass after each exchange, by a ``clock`` in seconds."""
        self._seconds = seconds
        self._clock = clock
        self._sleep = sleep
        self._guard = Lock()
        self._ended_at: dict[tuple[str, str], float] = {}

    def begin(self, project: str, server: str) -> None:
        """Record the end of an exchange that had reports."""
        with self._guard:
            self._ended_at[project, server] = self._clock()

    def wait(self, project: str, server: str) -> None:
        """Return when the pause after the last exchange is over, which is at once when that is longer ago."""
        with self._guard:
            ended_at = self._ended_at.get((project, server))
        left = 0.0 if ended_at is None else ended_at + self._seconds - self._clock()
        if left > 0:
            self._sleep(left)
