"""Signals as the daemon sees them: noted at once, acted on between two steps, and they end its sleep."""

import os
import select
import signal
from types import FrameType

_STOP = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGABRT)


class Signals:
    """Takes the process's signals over. Make one, in the main thread, after any fork."""

    def __init__(self) -> None:
        """Handlers are in place from now on."""
        self.stop = ""
        self._reload = False
        self._reader, self._writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        for number in _STOP:
            signal.signal(number, self._on_stop)
        signal.signal(signal.SIGHUP, self._on_reload)
        # The end of a run script ends the sleep too.
        signal.signal(signal.SIGCHLD, self._on_child)

    def _on_stop(self, number: int, _frame: FrameType | None) -> None:
        self.stop = signal.Signals(number).name

    def _on_reload(self, _number: int, _frame: FrameType | None) -> None:
        self._reload = True

    def _on_child(self, _number: int, _frame: FrameType | None) -> None:
        return

    def take_reload(self) -> bool:
        """Whether a SIGHUP came since the last question."""
        asked, self._reload = self._reload, False
        return asked

    def wake(self) -> None:
        """End the sleep as a signal does; any thread may."""
        try:
            os.write(self._writer, b"w")
        except BlockingIOError:
            # So many came before that it ends anyway.
            return

    def sleep(self, seconds: float) -> None:
        """Wait until a signal comes, at most some seconds; one that came before ends it at once."""
        select.select([self._reader], [], [], seconds)
        try:
            os.read(self._reader, 4096)
        except BlockingIOError:
            return
