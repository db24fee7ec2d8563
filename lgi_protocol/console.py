"""How every command begins and ends: its standard streams are open, and it is quiet when it is interrupted.

Whatever a command needs is loaded only here, since Ctrl-C while that is done must be quiet too.
"""

import io
import os
import signal
import sys
from importlib import import_module

# As of typing, which takes a while to load.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TextIO

# As the shell's for a program that was interrupted.
INTERRUPTED = 130
STDIN, STDOUT, STDERR = 0, 1, 2


class OutputError(Exception):
    """Standard output does not take what is written to it.

    No OSError, so that nobody takes it for that of a file. ``is_unread``: whoever read it has gone.
    """

    def __init__(self, reason: OSError) -> None:
        """``reason`` is what the system said."""
        self.is_unread = isinstance(reason, BrokenPipeError)
        super().__init__(f"cannot write to standard output: {reason.strerror}")


class _Output(io.FileIO):
    """Standard output, or standard error, whose own failure has nobody to be told to."""

    def __init__(self, descriptor: int) -> None:
        self.has_failed = False
        self.is_given_up = descriptor == STDERR
        super().__init__(descriptor, "w", closefd=False)

    def write(self, data: "Any", /) -> int:
        """OutputError, unless nobody is to be told any more."""
        try:
            return super().write(data)
        except OSError as error:
            self.has_failed = True
            if not self.is_given_up:
                raise OutputError(error) from None
            return len(data)


class Command:
    """A console script. Its function is loaded when it is called; it answers the exit code."""

    def __init__(self, name: str, module: str, function: str = "main") -> None:
        self.name = name
        self.module = module
        self._function = function

    def __call__(self) -> int:
        """The exit code; 1 when standard output or standard error did not take all of it."""
        interruptible = signal.getsignal(signal.SIGINT) is signal.default_int_handler
        if interruptible:
            # No exception: one that is raised while modules are loaded is told of from many places.
            signal.signal(signal.SIGINT, _leave)
        output, errors = open_streams()
        function = getattr(import_module(self.module), self._function)
        if interruptible:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        code = self._ended(function, output)
        if interruptible:
            signal.signal(signal.SIGINT, _leave)
        return code or int(errors.has_failed)

    def _ended(self, function: "Callable[[], int | None]", output: _Output) -> int:
        try:
            code = _code_of(function)
            sys.stdout.flush()
        except OutputError as error:
            output.is_given_up = True
            if not error.is_unread:
                print(f"{self.name}: {error}", file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            output.is_given_up = True
            return INTERRUPTED
        return code


def _leave(*_signal: object) -> None:
    os._exit(INTERRUPTED)


def _code_of(function: "Callable[[], int | None]") -> int:
    """What a function answers, or ends the program with."""
    try:
        return function() or 0
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        print(end.code, file=sys.stderr)
        return 1


def open_streams() -> tuple[_Output, _Output]:
    """Open what is closed of the three streams, for else the next file would be one, and guard the output.

    Reading from one that was closed, and writing to it, fails; so it does to a program in C. Nothing is
    said on a closed standard error.
    """
    for descriptor, mode in ((STDIN, os.O_WRONLY), (STDOUT, os.O_RDONLY), (STDERR, os.O_WRONLY)):
        _fill(descriptor, mode)
    if sys.stdin is None:
        sys.stdin = open(STDIN, closefd=False)  # noqa: SIM115 - as long as the program runs
    output, errors = _Output(STDOUT), _Output(STDERR)
    sys.stdout = _text(output, sys.stdout)
    sys.stderr = _text(errors, sys.stderr, "backslashreplace")
    return output, errors


def _fill(descriptor: int, mode: int) -> None:
    try:
        os.fstat(descriptor)
    except OSError:
        # The lowest that is free, which is this one, since those below are open.
        os.set_inheritable(os.open(os.devnull, mode), True)


def _text(raw: _Output, former: "TextIO | None", errors: str = "strict") -> "TextIO":
    """A stream for text, as the former one where there was one."""
    buffer = io.BufferedWriter(raw)
    if not isinstance(former, io.TextIOWrapper):
        return io.TextIOWrapper(buffer, errors=errors, line_buffering=raw.fileno() == STDERR)
    # PYTHONUNBUFFERED has nothing between text and system, and so may lose what is written in part.
    by_line = former.line_buffering or former.write_through
    return io.TextIOWrapper(buffer, former.encoding, former.errors, line_buffering=by_line)
