"""A terminal as a screen: its size, the keys that are pressed, and lines at their places.

Texts are of others: whoever draws has escaped their control characters (`client.text.one_line`).
"""

import codecs
import os
import select
import signal
import sys
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from lgi_tools.cli import raw_terminal
from lgi_tools.cli.raw_terminal import RawTerminal

# The alternate screen without a cursor, and back.
_OPEN, _CLOSE = "\033[?1049h\033[?25l", "\033[?25h\033[?1049l"
_HOME, _REST_OF_LINE, _REST = "\033[H", "\033[K", "\033[J"
COLORS = {"red": "31", "green": "32", "yellow": "33", "bold": "1", "reverse": "7"}
# What terminals send for keys that are no characters.
_KEYS = {
    **{f"\033{form}A": "up" for form in "[O"},
    **{f"\033{form}B": "down" for form in "[O"},
    **{f"\033{form}H": "home" for form in "[O"},
    **{f"\033{form}F": "end" for form in "[O"},
    **{"\033[1~": "home", "\033[4~": "end", "\033[5~": "page up", "\033[6~": "page down"},
    **{"\r": "enter", "\n": "enter", "\x03": "q", "\033": "escape"},
}


def can_draw() -> bool:
    """Return whether standard input and output are a terminal on which a screen can be drawn."""
    is_terminal = raw_terminal.is_known() and sys.stdin.isatty() and sys.stdout.isatty()
    return is_terminal and os.environ.get("TERM", "") not in {"", "dumb"}


def fit(text: str, width: int) -> str:
    """Return the begin of a text that takes at most ``width`` cells; characters of Asia take two."""
    cells = 0
    for place, char in enumerate(text):
        cells += 0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "FW" else 1
        if cells > width:
            return text[:place]
    return text


class Screen:
    """The terminal of standard input and output, as a context in which it is a screen."""

    def __init__(self) -> None:
        """Note the state of the terminal."""
        self._input, self._output = sys.stdin.fileno(), sys.stdout.fileno()
        self._terminal = RawTerminal(self._input)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._has_color = not os.environ.get("NO_COLOR")

    def __enter__(self) -> Self:
        """Draw on the alternate screen from now on, and read keys as they are pressed."""
        signal.signal(signal.SIGTERM, _leave)
        self._open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the terminal as it was."""
        self._close()

    def _open(self) -> None:
        self._terminal.open()
        self._write(_OPEN)

    def _close(self) -> None:
        self._write(_CLOSE)
        self._terminal.close()

    @contextmanager
    def suspended(self) -> Iterator[None]:
        """Leave the screen to a program that prints line by line."""
        self._close()
        try:
            yield
        finally:
            self._open()

    def size(self) -> tuple[int, int]:
        """Return the number of columns and lines, at least 1; 80 and 24 for a terminal that has no size."""
        columns, lines = os.get_terminal_size(self._output)
        return columns or 80, lines or 24

    def draw(self, lines: Sequence[tuple[str, str]]) -> None:
        """Write lines, each a text and the names of its `COLORS`, from the top; what is too much is cut."""
        columns, height = self.size()
        shown = [self._styled(fit(text, columns), style) + _REST_OF_LINE for text, style in lines[:height]]
        self._write(_HOME + "\r\n".join(shown) + _REST)

    def _styled(self, text: str, style: str) -> str:
        codes = [COLORS[name] for name in style.split()] if self._has_color else []
        return f"\033[{';'.join(codes)}m{text}\033[0m" if codes else text

    def keys(self, seconds: float) -> list[str]:
        """Return the keys that are pressed within so many seconds, characters or the names of `_KEYS`.

        Raises EOFError when the terminal is gone.
        """
        if not select.select([self._input], [], [], seconds)[0]:
            return []
        try:
            read = os.read(self._input, 1024)
        except OSError:
            read = b""
        if not read:
            raise EOFError
        return list(_split(self._decoder.decode(read)))

    def _write(self, text: str) -> None:
        data = text.encode(sys.stdout.encoding or "utf-8", "replace")
        sys.stdout.flush()
        while data:
            data = data[os.write(self._output, data) :]


def _split(text: str) -> Iterator[str]:
    while text:
        known = next((code for code in sorted(_KEYS, key=len, reverse=True) if text.startswith(code)), "")
        if known == "\033" and text[1:2] in {"[", "O"}:
            # A key that has no meaning here.
            text = text[2:].lstrip("0123456789;")[1:]
            continue
        yield _KEYS.get(known, text[0])
        text = text[len(known) or 1 :]


def _leave(*_signal: object) -> None:
    raise SystemExit(128 + signal.SIGTERM)
