"""Start and end of every command: its standard streams are open, and Ctrl-C prints no traceback.

A command's modules are loaded here, so that Ctrl-C while they load prints no traceback either. They live
as long as the program: the garbage collector does not look at them, which would take a tenth of a short
command's time.
"""

import gc
import io
import os
import signal
import sys
from importlib import import_module

# As in typing, which is slow to load.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TextIO

# The exit code of an interrupted program in a shell: 128 + SIGINT.
INTERRUPTED = 130
STDIN, STDOUT, STDERR = 0, 1, 2


class OutputError(Exception):
    """Writing to standard output failed.

    No OSError, so that it is not taken for an error of a file. ``is_broken_pipe``: the reader has exited.
    """

    def __init__(self, reason: OSError) -> None:
        """Set ``reason``, the error of the system call."""
        self.is_broken_pipe = isinstance(reason, BrokenPipeError)
        super().__init__(f"cannot write to standard output: {reason.strerror}")


class _Output(io.FileIO):
    """Standard output, or standard error; write errors of the latter are only recorded."""

    def __init__(self, descriptor: int) -> None:
        self.has_failed = False
        self.is_ignored = descriptor == STDERR
        super().__init__(descriptor, "w", closefd=False)

    def write(self, data: "Any", /) -> int:
        """Write; raise OutputError on failure unless errors are ignored."""
        try:
            return super().write(data)
        except OSError as error:
            self.has_failed = True
            if not self.is_ignored:
                raise OutputError(error) from None
            return len(data)


class Command:
    """A console script. Its module is loaded when it is called; the result is the exit code."""

    def __init__(self, name: str, module: str, function: str = "main") -> None:
        """Set the name of the command, and the module and function to call."""
        self.name = name
        self.module = module
        self._function = function

    def __call__(self) -> int:
        """Run the command and return its exit code.

        1 when writing to standard output or error failed, or when a Python package is missing.
        """
        try:
            return self._load_and_run()
        except ModuleNotFoundError as error:
            if not error.name or error.name.startswith("lgi_"):
                raise
            # pip installs the programs of the server without its extra too.
            package = "lgi[server]" if self.module.startswith("lgi_server.") else "lgi"
            print(
                f"{self.name}: the Python package {error.name} is missing: install {package} "
                "with all that it needs",
                file=sys.stderr,
            )
            return 1

    def _load_and_run(self) -> int:
        interruptible = signal.getsignal(signal.SIGINT) is signal.default_int_handler
        if interruptible:
            # No KeyboardInterrupt: raised while modules are loaded, many places would print it.
            signal.signal(signal.SIGINT, _leave)
        output, errors = open_streams()
        function = self._load()
        if interruptible:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        code = self._run(function, output)
        if interruptible:
            signal.signal(signal.SIGINT, _leave)
        # Python's last collection, when it exits, finds nothing to look at.
        gc.freeze()
        return code or int(errors.has_failed)

    def _load(self) -> "Callable[[], int | None]":
        gc.disable()
        try:
            function: Callable[[], int | None] = getattr(import_module(self.module), self._function)
            return function
        finally:
            gc.freeze()
            gc.enable()

    def _run(self, function: "Callable[[], int | None]", output: _Output) -> int:
        try:
            code = _code_of(function)
            sys.stdout.flush()
        except OutputError as error:
            output.is_ignored = True
            if not error.is_broken_pipe:
                print(f"{self.name}: {error}", file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            output.is_ignored = True
            return INTERRUPTED
        return code


def _leave(*_signal: object) -> None:
    os._exit(INTERRUPTED)


def _code_of(function: "Callable[[], int | None]") -> int:
    """Return the exit code that a function returns or passes to SystemExit."""
    try:
        return function() or 0
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        print(end.code, file=sys.stderr)
        return 1


def open_streams() -> tuple[_Output, _Output]:
    """Open those of the three standard streams that are closed, and check writes to the output.

    Otherwise the next opened file would become a standard stream. Reading from or writing to one that was
    closed fails, as in a C program; an error on a closed standard error is ignored.
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
        # The system returns the lowest free descriptor, which is this one: those below are open.
        os.set_inheritable(os.open(os.devnull, mode), True)


def _text(raw: _Output, previous: "TextIO | None", errors: str = "strict") -> "TextIO":
    """Return a text stream with the encoding, error handling and buffering of the previous one."""
    if sys.platform == "win32" and previous is not None and previous.isatty():
        # Python alone knows how to write to its console, which takes no bytes.
        return previous
    buffer = io.BufferedWriter(raw)
    if not isinstance(previous, io.TextIOWrapper):
        return io.TextIOWrapper(buffer, errors=errors, line_buffering=raw.fileno() == STDERR)
    # PYTHONUNBUFFERED leaves out the buffer, so a partial write would lose data.
    by_line = previous.line_buffering or previous.write_through
    return io.TextIOWrapper(buffer, previous.encoding, previous.errors, line_buffering=by_line)
