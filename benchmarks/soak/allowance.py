"""Keeps a process from using more of the processors than it may."""

import threading
import time
from collections.abc import Callable

# Processor seconds that may be used at once before anything is held back.
BURST = 0.25
# Nobody is held for longer without another look.
_LONGEST = 1.0


class Allowance:
    """So many cores for all threads of this process, over any few seconds."""

    def __init__(
        self,
        cores: float,
        clock: Callable[[], float] = time.monotonic,
        used: Callable[[], float] = time.process_time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Start the account; earlier usage does not count."""
        self._cores = cores
        self._clock, self._used, self._sleep = clock, used, sleep
        self._at, self._had = clock(), used()
        self._over = 0.0
        # Of those held back one looks at the clock. If all did, looking would use up what is allowed.
        self._gate = threading.Lock()
        # Seconds that threads were held back, added up.
        self.held = 0.0

    def wait(self) -> None:
        """Return when the process may go on."""
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
