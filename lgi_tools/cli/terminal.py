"""What leaves a tool: text from a server must not steer the terminal it is shown on."""

import codecs
import sys
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from lgi_protocol.console import OutputError

# So much of a file is shown at once.
BLOCK = 256 * 1024
# So many characters of a word show which one is meant.
SHORT = 200


def is_watched() -> bool:
    """Whether standard output is a terminal: a file or a program gets every text unchanged."""
    return sys.stdout.isatty()


def is_attended() -> bool:
    """Whether there is somebody to answer a question."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def show(text: str | bytes, stream: TextIO | None = None) -> None:
    """Write to standard output: unchanged into a file or pipe, control characters escaped on a terminal.

    Or to another ``stream``, as standard error.
    """
    watched = is_watched() if stream is None else stream.isatty()
    stream = stream or sys.stdout
    if watched:
        text = printable(text.decode("utf-8", "backslashreplace") if isinstance(text, bytes) else text)
    if isinstance(text, str):
        text = text.encode(stream.encoding or "utf-8", "backslashreplace")
    stream.flush()
    stream.buffer.write(text)
    stream.buffer.flush()


def show_file(path: Path, stream: TextIO) -> None:
    """Write the whole of a file to a stream, block by block, as `show` does."""
    decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")
    watched = stream.isatty()
    with path.open("rb") as opened:
        while block := opened.read(BLOCK):
            # A character may begin in this block and end in the next one.
            show(decoder.decode(block) if watched else block, stream)
    if rest := decoder.decode(b"", final=True):
        show(rest, stream)


def shortened(text: str) -> str:
    """The beginning of a text that is too long to be read in a message."""
    return text if len(text) <= SHORT else f"{text[:SHORT]}..."


@contextmanager
def naming(program: str, job_id: int | str) -> Iterator[None]:
    """Whatever standard output does with what is told of a new job, somebody hears of its number."""
    try:
        yield
    except (OutputError, OSError):
        warn(program, f"job {job_id} was submitted")
        raise


def warn(program: str, text: str) -> None:
    """One line on standard error that starts with the program's name."""
    print(f"{program}: {one_line(text)}", file=sys.stderr)


def value(text: str) -> str:
    """A value within a line: on a terminal it cannot begin another line, elsewhere it is unchanged."""
    return one_line(text) if is_watched() else text


def printable(text: str) -> str:
    """The text with all that steers a terminal, but line end and tab, written as ``\\xNN`` or ``\\uNNNN``.

    Also what turns the direction of writing, or cannot be seen.
    """
    return "".join(char if char in "\n\t" else _escaped(char) for char in text)


def one_line(text: str) -> str:
    """The same, and line ends and tabs too."""
    return "".join({"\n": "\\n", "\t": "\\t"}.get(char) or _escaped(char) for char in text)


def _escaped(char: str) -> str:
    if unicodedata.category(char) not in {"Cc", "Cf", "Zl", "Zp"}:
        return char
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
