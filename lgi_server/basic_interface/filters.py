"""How values are shown: bytes as text or as hexadecimal digits, sizes, and times that a browser can localize.

What comes from jobs and resources is hostile. Escaping is the templates' doing; here characters are made
visible that would hide or turn round what stands beside them.
"""

import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote

from markupsafe import Markup, escape

from lgi_protocol import LGI_VERSION

# So many bytes of a text, and of other data, are shown on a page; the rest is in the download.
MOST_TEXT, MOST_HEX = 64 * 1024, 4 * 1024
# Of more than twice so many changes of a job only the first and the last are shown; and of its files so many.
MOST_CHANGES, MOST_FILES = 50, 500
_CONTROLS = {code: 0x2400 + code for code in range(32) if chr(code) not in "\t\n"} | {0x7F: 0x2421}
_MARKS = (*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F, 0x061C)
_TURNING = {code: f"[U+{code:04X}]" for code in _MARKS}
_SEEN: dict[int, str | int | None] = {**_CONTROLS, **_TURNING}
_LINE = 16
_UNITS = ("kB", "MB", "GB", "TB")


@dataclass(frozen=True)
class Content:
    """Input or output of a job as a page shows it; ``is_cut`` when there is more of it."""

    text: str
    size: int
    is_binary: bool
    is_cut: bool


def content(data: bytes) -> Content:
    """Return bytes as text if they are UTF-8 without NUL, otherwise as hexadecimal digits."""
    text = _text(data[:MOST_TEXT])
    if text is None:
        return Content(_hexadecimal(data[:MOST_HEX]), len(data), True, len(data) > MOST_HEX)
    return Content(text, len(data), False, len(data) > MOST_TEXT)


def ending(data: bytes, offset: int) -> Content:
    """Return the end of what a job has put out so far; ``offset`` is how many bytes came before it."""
    if offset:
        # The first line that is whole, and with it a character that is.
        data = data.partition(b"\n")[2] or data
    text = _text(data)
    if text is None:
        last = data[-MOST_HEX:]
        return Content(_hexadecimal(last), offset + len(data), True, offset > 0 or len(last) < len(data))
    return Content(text, offset + len(data), False, offset > 0)


def _text(data: bytes) -> str | None:
    if b"\0" in data:
        return None
    for missing in range(4):
        # A character of up to four bytes may have been cut at the end of a long text.
        if missing and len(data) < MOST_TEXT:
            return None
        try:
            return visible(data[: len(data) - missing].decode("utf-8").replace("\r\n", "\n"))
        except UnicodeDecodeError:
            continue
    return None


def visible(text: str) -> str:
    """Return a text with signs for its control characters and for changes of writing direction."""
    return text.translate(_SEEN)


def _hexadecimal(data: bytes) -> str:
    lines = []
    for begin in range(0, len(data), _LINE):
        part = data[begin : begin + _LINE]
        readable = re.sub(r"[^ -~]", ".", part.decode("latin-1"))
        lines.append(f"{begin:06x}  {part.hex(' '):<{3 * _LINE}} {readable}")
    return "\n".join(lines)


def format_time(seconds: int) -> Markup:
    """Return a time as an element that scripts turn into the reader's own; without them it is UTC."""
    if seconds <= 0:
        return Markup('<span class="none">never</span>')
    when = datetime.fromtimestamp(min(seconds, 2**37), UTC)
    exact, shown = when.strftime("%Y-%m-%dT%H:%M:%SZ"), when.strftime("%Y-%m-%d %H:%M:%S")
    return Markup('<time datetime="{}">{} UTC</time>').format(exact, shown)


def size(number: int) -> str:
    """Return a number of bytes for people."""
    if number < 1000:
        return f"{number} B"
    power = min(len(_UNITS), int(math.log10(number) + 0.0003) // 3)
    return f"{number / 1000**power:.3g} {_UNITS[power - 1]}"


def names(values: tuple[str, ...]) -> Markup:
    """Return a list of names, each of which cannot change how the others look."""
    return Markup(", ").join(Markup("<bdi>{}</bdi>").format(escape(visible(value))) for value in values)


def path(name: str) -> str:
    """Return a name as one part of an address."""
    return quote(name, safe="")


FILTERS = {"moment": format_time, "size": size, "names": names, "visible": visible, "path": path}


def template_globals(prefix: str) -> dict[str, object]:
    """Return what every template may use: where things are below ``prefix``, and whose they are."""

    def static(file: str) -> str:
        return f"{prefix}/static/{file}?v={LGI_VERSION}"

    return {"prefix": prefix, "version": LGI_VERSION, "static": static, "most_changes": MOST_CHANGES}
