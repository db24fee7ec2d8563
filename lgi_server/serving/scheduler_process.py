"""LGI_scheduler as a child process of the project server: started with it, started again, ended with it."""

import errno
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from lgi_protocol.backoff import Backoff

log = logging.getLogger("lgi.serve")
# Delays before a scheduler is started again that has ended.
BACKOFF = Backoff(1.0, longest=60.0)
# One that has run for so many seconds was not ended by its configuration.
LONG_RUN = 60.0
# It ends after its current task.
STOP_SECONDS = 40.0


class SchedulerProcess:
    """The scheduler of a configuration; gunicorn's master process calls `keep` each second."""

    def __init__(self, config: Path, clock: Callable[[], float] = time.monotonic) -> None:
        """Nothing is started before `keep`; ``clock`` is in seconds."""
        self._config = config
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
            delay, self._failures = BACKOFF.next_delay(self._failures), self._failures + 1
            self._next = now + delay
            log.error("the scheduler has ended; it is started again in %.0f s", delay)
        if now >= self._next:
            self._pid, self._begin = self._spawn(sockets), now

    def _spawn(self, sockets: Iterable[int]) -> int:
        """Start a process and return its id.

        The module subprocess would wait for it by gevent's loop, which does not run in gunicorn's master.
        """
        flags = ["-E", "-s"] if sys.flags.ignore_environment else []
        command = [sys.executable, "-P", *flags, "-m", "lgi_server.cli.scheduler"]
        command += ["--parent", str(os.getpid()), str(self._config)]
        closed = [(os.POSIX_SPAWN_CLOSE, number) for number in sockets]
        # A list of arguments, not a shell command.
        return os.posix_spawn(
            sys.executable, command, os.environ, file_actions=closed, setsigdef=[signal.SIGPIPE]
        )

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
