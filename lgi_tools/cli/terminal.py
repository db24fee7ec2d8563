"""What leaves a tool: text from a server must not steer the terminal it is shown on."""

import codecs
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from lgi_protocol.console import OutputError
from lgi_tools.client.text import one_line, printable

# So much of a file is shown at once.
BLOCK = 256 * 1024


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
