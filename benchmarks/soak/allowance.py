"""A limit on the processor time of this process."""

import threading
import time
from collections.abc import Callable

# Processor seconds that may be used in a burst before threads are delayed.
BURST = 0.25
# The longest delay, in seconds, between two checks.
_LONGEST = 1.0


class Allowance:
    """A number of cores for all threads of this process, on average over some seconds."""

    def __init__(
        self,
        cores: float,
        clock: Callable[[], float] = time.monotonic,
        used: Callable[[], float] = time.process_time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Start to count; earlier usage is ignored."""
        self._cores = cores
        self._clock, self._used, self._sleep = clock, used, sleep
        self._at, self._had = clock(), used()
        self._over = 0.0
        # Only one of the delayed threads checks the usage: the checks of all would use up the allowance.
        self._gate = threading.Lock()
        # The sum of all delays in seconds.
        self.held = 0.0

    def wait(self) -> None:
        """Return when the process is below its limit."""
        begin = self._clock()
        with self._gate:
            while (pause := self._pause()) > 0:
                self._sleep(pause)
            self.held += self._clock() - begin

    def _pause(self) -> float:
        at, had = self._clock(), self._used()
        self._over = max(0.0, self._over + had - self._had - self._cores * (at - self._at))
        self._at, self._had = at, had
        return min(_LONGEST, max(0.0, self._over - BURST) / self._cores)
