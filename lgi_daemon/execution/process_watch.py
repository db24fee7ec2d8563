"""Looks whether a process still runs, so often that /proc would take too much."""

import os
import time
from collections.abc import Callable

from lgi_daemon.execution import processes
from lgi_daemon.execution.processes import ProcessId

# Seconds for which the number of a process stands for the process itself: numbers are reused, but not soon.
SECONDS = 1.0


class ProcessWatch:
    """The looks at one process. Its end is missed for `SECONDS` at most, as when nobody waits for it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Measure with ``clock``, in seconds."""
        self._clock = clock
        # The last look in /proc: at what, when, and whether it ran. One value, since threads share it.
        self._last: tuple[ProcessId | None, float, bool] = (None, 0.0, False)

    def sees(self, identity: ProcessId) -> bool:
        """Return whether a process runs: in /proc once a second, and by its number in between.

        That is one system call, which takes a twentieth of the time.
        """
        now = self._clock()
        seen, seen_at, runs = self._last
        if identity is not seen or now >= seen_at + SECONDS:
            runs = processes.alive(identity)
            self._last = (identity, now, runs)
            return runs
        # One that has ended stays so, even when nobody waits for it or its number is that of another one.
        return runs and _has(identity.pid)


def _has(pid: int) -> bool:
    """Return whether there is a process of a number."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        # That of another user.
        return True
    return True
