"""Signals: recorded at once, handled between two ticks; they interrupt the sleep."""

import os
import select
import signal
import time
from types import FrameType

_STOP = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGABRT)


class Signals:
    """Handles the signals of the process. Create one, in the main thread, after any fork."""

    def __init__(self) -> None:
        """Install the handlers."""
        self.stop = ""
        self._reload = self._drain = False
        self._reader, self._writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        for number in _STOP:
            signal.signal(number, self._on_stop)
        signal.signal(signal.SIGHUP, self._on_reload)
        signal.signal(signal.SIGUSR1, self._on_drain)
        # The end of a run script interrupts the sleep too.
        signal.signal(signal.SIGCHLD, self._on_child)

    def _on_stop(self, number: int, _frame: FrameType | None) -> None:
        self.stop = signal.Signals(number).name

    def _on_reload(self, _number: int, _frame: FrameType | None) -> None:
        self._reload = True

    def _on_drain(self, _number: int, _frame: FrameType | None) -> None:
        self._drain = True

    def _on_child(self, _number: int, _frame: FrameType | None) -> None:
        return

    def take_reload(self) -> bool:
        """Return whether a SIGHUP was received since the last call."""
        received, self._reload = self._reload, False
        return received

    def take_drain(self) -> bool:
        """Return whether a SIGUSR1 was received since the last call."""
        received, self._drain = self._drain, False
        return received

    def wake(self) -> None:
        """Interrupt the sleep as a signal does, from any thread."""
        try:
            os.write(self._writer, b"w")
        except BlockingIOError:
            # The pipe is full: the sleep is interrupted anyway.
            return

    def rest(self, seconds: float) -> None:
        """Sleep for this number of seconds; a stop signal or a SIGHUP ends it, other signals do not."""
        end = time.monotonic() + seconds
        while not self.stop and not self._reload and (left := end - time.monotonic()) > 0:
            self.sleep(left)

    def sleep(self, seconds: float) -> None:
        """Wait for a signal, at most so many seconds; return at once after an earlier one."""
        select.select([self._reader], [], [], seconds)
        try:
            os.read(self._reader, 4096)
        except BlockingIOError:
            return
