"""The older form of the configuration: its settings are in no section, but above all sections."""

import re
from collections.abc import Iterable, Sequence
from itertools import takewhile

from lgi_server.config.sections import SECTION_OF, SECTIONS
from lgi_server.config.source import Line

# A setting that is commented out: an administrator may want to turn it on later.
_COMMENTED = re.compile(r"#\s*(\w+)\s*=")


def is_flat(lines: Sequence[Line]) -> bool:
    """Return whether settings are above all sections, and none of the newer sections exists."""
    above = takewhile(lambda line: line.section is None, lines)
    return any(line.setting for line in above) and not any(line.section in SECTIONS for line in lines)


def with_sections(lines: Sequence[Line]) -> list[Line]:
    """Return the same settings and comments, each in its section; a comment stays above its setting."""
    head: list[Line] = []
    parts: dict[str, list[Line]] = {section: [] for section in SECTIONS}
    comments: list[Line] = []
    above = list(takewhile(lambda line: line.section is None, lines))
    for line in above:
        comments.append(line)
        if section := _section(line):
            parts[section] += comments
            comments = []
        elif not line.text and not head and not any(parts.values()):
            # Comments above the first blank line are about the whole file.
            head, comments = comments, []
    sections = [part for name, lines in parts.items() if lines for part in _section_lines(name, lines)]
    return [*head, *sections, *comments, *lines[len(above) :]]


def text_of(lines: Iterable[Line]) -> str:
    """Return lines as the text of a file."""
    return "".join(f"{line.text}\n" for line in lines)


def _section(line: Line) -> str:
    """Return the section that a line belongs to; empty for comments. An unknown setting is refused later."""
    if line.setting:
        return SECTION_OF.get(line.setting, "server")
    found = _COMMENTED.match(line.text)
    return SECTION_OF.get(found[1], "") if found else ""


def _section_lines(name: str, lines: Sequence[Line]) -> list[Line]:
    begin = next(number for number, line in enumerate(lines) if line.text)
    return [Line(0, f"[{name}]"), *lines[begin:], Line(0, "")]
