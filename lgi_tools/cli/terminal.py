"""The output of tools: control characters from a server must not reach the terminal."""

import codecs
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from lgi_protocol.console import OutputError
from lgi_tools.client.text import one_line, printable

# Bytes of a file in one write.
BLOCK = 256 * 1024


def is_watched() -> bool:
    """Return whether standard output is a terminal; a file or pipe gets all text unchanged."""
    return sys.stdout.isatty()


def is_attended() -> bool:
    """Return whether a user can answer a question on the terminal."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def show(text: str | bytes, stream: TextIO | None = None) -> None:
    """Write to standard output: unchanged to a file or pipe, with control characters escaped on a terminal.

    With ``stream`` to another stream, such as standard error.
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


def show_file(path: Path, stream: TextIO, begin: int = 0) -> None:
    """Write a file from the byte ``begin`` on to a stream in blocks, as `show` does."""
    decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")
    watched = stream.isatty()
    with path.open("rb") as opened:
        opened.seek(begin)
        while block := opened.read(BLOCK):
            # A character may begin in this block and end in the next one.
            show(decoder.decode(block) if watched else block, stream)
    if rest := decoder.decode(b"", final=True):
        show(rest, stream)


@contextmanager
def naming(program: str, job_id: int | str) -> Iterator[None]:
    """Report the id of a new job on standard error when its output cannot be written."""
    try:
        yield
    except (OutputError, OSError):
        warn(program, f"job {job_id} was submitted")
        raise


def warn(program: str, text: str) -> None:
    """Print one line on standard error that starts with the program's name."""
    print(f"{program}: {one_line(text)}", file=sys.stderr)


def value(text: str) -> str:
    """Return a value within a line: on one line on a terminal, elsewhere unchanged."""
    return one_line(text) if is_watched() else text
