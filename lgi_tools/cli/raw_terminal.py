"""A terminal whose keys are read as they are pressed. Windows has none: ask `is_known` before one is used."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


def is_known() -> bool:
    """Return whether this operating system has such terminals."""
    return sys.platform != "win32"


class RawTerminal:
    """The terminal of an open file, which can be made raw and is left as it was."""

    def __init__(self, descriptor: int) -> None:
        """Note the state of the terminal."""
        import termios

        self._descriptor = descriptor
        self._before: list[Any] = termios.tcgetattr(descriptor)

    def open(self) -> None:
        """Pass on each key from now on."""
        import termios
        import tty

        tty.setraw(self._descriptor, termios.TCSADRAIN)

    def close(self) -> None:
        """Leave the terminal as it was."""
        import termios

        termios.tcsetattr(self._descriptor, termios.TCSADRAIN, self._before)


@contextmanager
def size_watch(changed: Callable[[], object]) -> Iterator[None]:
    """Call a function for each new size of the terminal while a block runs."""
    import signal

    former = signal.signal(signal.SIGWINCH, lambda _number, _frame: changed())
    try:
        yield
    finally:
        signal.signal(signal.SIGWINCH, former)
