"""The scheduler as a child process of the project server: started with it, started again, ended with it.

It is forked, as the workers are, and shares with them the memory of all that the server has loaded.
"""

import errno
import logging
import os
import signal
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

import gevent.os

from lgi_protocol.backoff import Backoff

log = logging.getLogger("lgi.serve")
# Delays before a scheduler is started again that has ended.
BACKOFF = Backoff(1.0, longest=60.0)
# One that has run for so many seconds was not ended by its configuration.
LONG_RUN = 60.0
# It ends after its current task.
STOP_SECONDS = 40.0
# Its name in lists of processes.
NAME = "LGI_scheduler"
# What gunicorn's master process handles.
_SIGNALS = ("QUIT", "INT", "TERM", "TTIN", "TTOU", "USR2", "WINCH", "CHLD")
# And by which other programs are told to open their log again. A scheduler never ends by them.
_ROTATION = ("HUP", "USR1")


class SchedulerProcess:
    """A process that does ``work``; gunicorn's master process calls `keep` each second.

    ``work`` gets the id of the master process, ends when that has ended, and returns an exit status.
    """

    def __init__(self, work: Callable[[int], int], clock: Callable[[], float] = time.monotonic) -> None:
        """Nothing is started before `keep`; ``clock`` is in seconds."""
        self._work = work
        self._clock = clock
        self._pid = 0
        self._begin = 0.0
        self._next = 0.0
        self._failures = 0

    def keep(self, sockets: Iterable[int]) -> None:
        """Start the scheduler unless it runs; it gets none of the open sockets."""
        now = self._clock()
        if self._runs():
            return
        if self._pid:
            self._pid = 0
            self._failures = 0 if now - self._begin > LONG_RUN else self._failures
            log.error("the scheduler has ended; it is started again in %.0f s", self._postpone(now))
        if now < self._next:
            return
        try:
            self._pid, self._begin = self._fork(sockets), now
        except OSError as error:
            # Without memory, or at the limit of processes. The workers go on, and so must their master.
            delay = self._postpone(now)
            log.error("the scheduler cannot be started: %s; the next attempt is in %.0f s", error, delay)

    def _postpone(self, now: float) -> float:
        """Set the time of the next start after a failure, and return how long that is, in seconds."""
        delay, self._failures = BACKOFF.next_delay(self._failures), self._failures + 1
        self._next = now + delay
        return delay

    def _fork(self, sockets: Iterable[int]) -> int:
        """Start a process and return its id.

        The function that gevent puts in place of os.fork would watch the process by its loop, which does not
        run in gunicorn's master.
        """
        parent = os.getpid()
        pid: int = gevent.os.fork_gevent()
        if pid:
            return pid
        status = 1
        try:
            _become(sockets)
            status = self._work(parent)
        except BaseException:
            # Whatever it was, this process must not go on as a second master.
            log.exception("the scheduler has failed")
        finally:
            os._exit(status)

    def _runs(self) -> bool:
        """Return whether the process runs; gunicorn waits for all children, so it may have found its end."""
        if not self._pid:
            return False
        try:
            return os.waitpid(self._pid, os.WNOHANG)[0] == 0
        except OSError as error:
            if error.errno != errno.ECHILD:
                raise
            return False

    def stop(self) -> None:
        """End the scheduler after its current task, or after STOP_SECONDS."""
        end = self._clock() + STOP_SECONDS
        number = signal.SIGTERM
        while self._runs():
            os.kill(self._pid, number)
            number = signal.SIGKILL if self._clock() > end else signal.SIGTERM
            time.sleep(0.05)
        self._pid = 0


def _become(sockets: Iterable[int]) -> None:
    """Give up what the master process needs: its signals, and the sockets on which the server listens."""
    for names, action in ((_ROTATION, signal.SIG_IGN), (_SIGNALS, signal.SIG_DFL)):
        for name in names:
            signal.signal(getattr(signal, f"SIG{name}"), action)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in sockets:
        # Not closed: the objects of the sockets would close other files that get their numbers.
        os.dup2(nowhere, number, inheritable=False)
    with suppress(OSError):
        Path("/proc/self/comm").write_text(NAME)
