"""Template filters: bytes as text or hexadecimal digits, sizes, and times that a browser can localize.

Text from jobs and resources is untrusted. Templates escape it; the filters replace characters that would hide
the text beside them or change its direction.
"""

import math
import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote

from markupsafe import Markup, escape

from lgi_protocol import LGI_VERSION
from lgi_protocol.time_span import span
from lgi_server.basic_interface import job_columns

# Bytes of text, and of other data, that a page shows; the download has all.
MOST_TEXT, MOST_HEX = 64 * 1024, 4 * 1024
# Changes of a job shown at the start and at the end of its history, and files shown.
MOST_CHANGES, MOST_FILES = 50, 500
_CONTROLS = {code: 0x2400 + code for code in range(32) if chr(code) not in "\t\n"} | {0x7F: 0x2421}
_MARKS = (*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F, 0x061C)
_TURNING = {code: f"[U+{code:04X}]" for code in _MARKS}
_SEEN: dict[int, str | int | None] = {**_CONTROLS, **_TURNING}
_LINE = 16
# Units of relative times, in seconds; what is older is shown by its date.
_AGES, _OLD = ((86400, "days"), (3600, "h"), (60, "min")), 30 * 86400
_UNITS = ("kB", "MB", "GB", "TB")


@dataclass(frozen=True)
class Content:
    """Input or output of a job as a page shows it; ``size`` is in bytes, ``is_cut`` if there is more."""

    text: str
    size: int
    is_binary: bool
    is_cut: bool


def content(data: bytes) -> Content:
    """Return the start of data as text if it is UTF-8 without NUL, otherwise as hexadecimal digits."""
    text = _text(data[:MOST_TEXT])
    if text is None:
        return Content(_hexadecimal(data[:MOST_HEX]), len(data), True, len(data) > MOST_HEX)
    return Content(text, len(data), False, len(data) > MOST_TEXT)


def ending(data: bytes, offset: int) -> Content:
    """Return the last part of a job's output; ``offset`` is the number of bytes before it."""
    if offset:
        # From the first complete line on, so that no character is cut.
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
        # A character of up to four bytes may be cut at the end of a long text.
        if missing and len(data) < MOST_TEXT:
            return None
        try:
            return visible(data[: len(data) - missing].decode("utf-8").replace("\r\n", "\n"))
        except UnicodeDecodeError:
            continue
    return None


def visible(text: str) -> str:
    """Return a text with visible signs for control characters and changes of the writing direction."""
    return text.translate(_SEEN)


def _hexadecimal(data: bytes) -> str:
    lines = []
    for begin in range(0, len(data), _LINE):
        part = data[begin : begin + _LINE]
        readable = re.sub(r"[^ -~]", ".", part.decode("latin-1"))
        lines.append(f"{begin:06x}  {part.hex(' '):<{3 * _LINE}} {readable}")
    return "\n".join(lines)


def format_time(seconds: int) -> Markup:
    """Return a time (seconds) as an element in UTC, which scripts turn into local time."""
    if seconds <= 0:
        return Markup('<span class="none">never</span>')
    when = datetime.fromtimestamp(min(seconds, 2**37), UTC)
    exact, shown = when.strftime("%Y-%m-%dT%H:%M:%SZ"), when.strftime("%Y-%m-%d %H:%M:%S")
    return Markup('<time datetime="{}">{} UTC</time>').format(exact, shown)


def ago(seconds: int, now: int) -> Markup:
    """Return a time as an element that says how long ago it was; its title has the exact time."""
    if seconds <= 0:
        return format_time(seconds)
    when = datetime.fromtimestamp(min(seconds, 2**37), UTC)
    exact, shown = when.strftime("%Y-%m-%dT%H:%M:%SZ"), when.strftime("%Y-%m-%d %H:%M:%S UTC")
    past = now - seconds
    unit = next(((size, name) for size, name in _AGES if past >= 2 * size), (1, "s"))
    text = f"{max(0, past) // unit[0]} {unit[1]} ago" if past < _OLD else when.strftime("%Y-%m-%d")
    return Markup('<time datetime="{}" title="{}" data-ago>{}</time>').format(exact, shown, text)


def size(number: int) -> str:
    """Return a number of bytes with a unit."""
    if number < 1000:
        return f"{number} B"
    power = min(len(_UNITS), int(math.log10(number) + 0.0003) // 3)
    return f"{number / 1000**power:.3g} {_UNITS[power - 1]}"


def names(values: tuple[str, ...]) -> Markup:
    """Return a list of names, each isolated so that it cannot change the direction of the others."""
    return Markup(", ").join(Markup("<bdi>{}</bdi>").format(escape(visible(value))) for value in values)


def path(name: str) -> str:
    """Return a name as one percent-encoded part of an address."""
    return quote(name, safe="")


FILTERS = {
    "moment": format_time,
    "ago": ago,
    "run_time": job_columns.run_time,
    "size": size,
    "names": names,
    "visible": visible,
    "path": path,
    "span": span,
}


def template_globals(prefix: str) -> dict[str, object]:
    """Return the values and functions for all templates; ``prefix`` is that of the server's addresses."""

    def static(file: str) -> str:
        return f"{prefix}/static/{file}?v={LGI_VERSION}"

    def clock() -> int:
        return int(time.time())

    return {
        "prefix": prefix,
        "version": LGI_VERSION,
        "static": static,
        "most_changes": MOST_CHANGES,
        "clock": clock,
        "title_of": lambda name: job_columns.TITLES[name],
        "orders_of": lambda: job_columns.ORDERS,
    }
