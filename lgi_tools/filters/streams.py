"""The input and output of the filters: files or standard streams, of limited size."""

import os
import sys
from collections.abc import Callable, Iterator, Sequence

from lgi_protocol import open_flags

STDIN, STDOUT, STDERR = 0, 1, 2
# Of an input: a thousand times the longest field of LGI.
MAX_BYTES = 64 * 1024 * 1024
BLOCK = 64 * 1024
# C's isspace, which LGI trims values with.
BLANKS = b" \t\n\v\f\r"


class InputError(Exception):
    """A filter cannot use its command line or input; the text gives the reason."""


class UsageError(Exception):
    """The usage of a filter must be shown; ``code`` is the exit code."""

    def __init__(self, code: int = 0) -> None:
        """Set the exit code."""
        self.code = code
        super().__init__()


class Streams:
    """The input and output of a filter, named by ``-i`` and ``-o``; opened when first used."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        """Use the standard streams until -i or -o is given; ``max_bytes`` limits `read`."""
        self._max_bytes = max_bytes
        self.input = ""
        self.output = ""
        self._descriptor = -1

    def takes(self, word: str, following: Iterator[str]) -> bool:
        """Note -i or -o, and return whether the word was one of them. Raises InputError."""
        if word == "-i":
            self.input = argument(word, following)
        elif word == "-o":
            self.output = argument(word, following)
        return word in {"-i", "-o"}

    def blocks(self) -> Iterator[bytes]:
        """Yield the input. As LGI, an unreadable one is also reported on the output. Raises InputError."""
        if not self.input and os.isatty(STDIN):
            raise InputError("nothing to read: give -i FILE, or send something to standard input")
        try:
            descriptor = os.open(self.input, os.O_RDONLY | open_flags.BINARY) if self.input else STDIN
            while block := os.read(descriptor, BLOCK):
                yield block
        except OSError as error:
            self.write(f"input error on file {self.input or '/dev/stdin'}\n".encode())
            raise InputError(f"{self.input or 'standard input'}: {error.strerror}") from None

    def read(self) -> bytes:
        """Return the whole input. Raises InputError for a longer one than ``max_bytes``."""
        whole = bytearray()
        for block in self.blocks():
            whole += block
            if len(whole) > self._max_bytes:
                raise InputError(f"the input is longer than {self._max_bytes} bytes")
        return bytes(whole)

    def write(self, data: bytes) -> None:
        """Write output. Standard output is not truncated: LGI reopened it and cut what was there."""
        if self._descriptor < 0:
            self._descriptor = self._open()
        while data:
            data = data[os.write(self._descriptor, data) :]

    def _open(self) -> int:
        if not self.output:
            return STDOUT
        if self.input and os.path.exists(self.output) and os.path.samefile(self.input, self.output):
            raise InputError(f"{self.output} cannot be both input and output")
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | open_flags.BINARY
        return os.open(self.output, flags, 0o666)


def argument(option: str, following: Iterator[str]) -> str:
    """Return the argument of an option. Raises InputError when it is missing."""
    value = next(following, "")
    if not value:
        raise InputError(f"{option} needs an argument")
    return value


Work = Callable[[Sequence[str], Streams], int]


def run(name: str, usage: str, work: Work, arguments: Sequence[str] | None) -> int:
    """Run a filter and return its exit code; an error is one line on standard error and exit code 1."""
    words = sys.argv[1:] if arguments is None else arguments
    try:
        return _answer(words, usage, work)
    except InputError as error:
        os.write(STDERR, f"{name}: {error}\n".encode("utf-8", "surrogateescape"))
    except BrokenPipeError:
        pass
    except OSError as error:
        text = f"{name}: {error.filename or 'output'}: {error.strerror}\n"
        os.write(STDERR, text.encode("utf-8", "surrogateescape"))
    except KeyboardInterrupt:
        return 130
    return 1


def _answer(words: Sequence[str], usage: str, work: Work) -> int:
    try:
        streams = Streams()
        code = work(words, streams)
        # As LGI: the output is opened, and empty, also when nothing is written.
        streams.write(b"")
        return code
    except UsageError as asked:
        os.write(STDOUT, usage.encode())
        return asked.code
