"""The lines of a configuration file, with the numbers that an editor shows."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

# A comment may follow.
_SECTION = re.compile(r"\[([^\]]*)\]\s*([#;].*)?")


class ConfigError(Exception):
    """The file cannot be used; the message names file, line, section, setting and value, and what to do."""


@dataclass(frozen=True)
class Line:
    """A line without the blanks around it. ``number`` is 0 for one that is not in the file."""

    number: int
    text: str

    @property
    def section(self) -> str | None:
        """The name of the section that begins here, with one blank between its words, or None."""
        found = _SECTION.fullmatch(self.text)
        return " ".join(found[1].split()) if found else None

    @property
    def setting(self) -> str:
        """The name of the setting in this line; empty for a line without one."""
        if not self.text or self.text[0] in "#;[" or "=" not in self.text:
            return ""
        return self.text.partition("=")[0].strip()


_HINTS = {
    FileNotFoundError: "; LGI_setup makes one",
    PermissionError: "; run this as the user of the server, or as root",
}


def read(path: Path) -> list[Line]:
    """Return the lines of a file. Indentation means nothing. Raises ConfigError."""
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        hint = next((text for kind, text in _HINTS.items() if isinstance(error, kind)), "")
        raise ConfigError(f"cannot read the server's configuration {path}: {reason}{hint}") from None
    return [Line(number, line.strip()) for number, line in enumerate(text.splitlines(), 1)]


def line_numbers(lines: Iterable[Line]) -> Iterator[tuple[tuple[str, str], int]]:
    """Yield (section, setting) and the number of each line with a setting.

    A line that begins a section has an empty name of a setting.
    """
    section = ""
    for line in lines:
        if line.section is not None:
            section = line.section
            yield (section, ""), line.number
        elif line.setting:
            yield (section, line.setting), line.number
