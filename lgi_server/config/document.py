"""A configuration file as sections of names and texts, before the texts become values."""

import configparser
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lgi_server.config.database import without_password
from lgi_server.config.sections import LISTS, SECTION_OF
from lgi_server.config.source import ConfigError, Line, line_numbers


@dataclass(frozen=True)
class Document:
    """The texts of all settings by section and name, and the lines they are in."""

    path: Path
    sections: Mapping[str, Mapping[str, str]]
    lines: Mapping[tuple[str, str], int]

    def error(self, section: str, setting: str, why: str, text: str = "") -> ConfigError:
        """Return an error that names file, line, section, setting and, if given, its text.

        Without a setting the error is about the section.
        """
        number = self.lines.get((section, setting))
        line = f", line {number}" if number else ""
        name = f" {setting}" if setting else ""
        value = f" = {without_password(text)}" if text else ""
        return ConfigError(f"{self.path}{line}: [{section}]{name}{value}: {why}")


class _Parser(configparser.ConfigParser):
    """A parser with case-sensitive names and without a section of defaults."""

    def __init__(self) -> None:
        super().__init__(delimiters=("=",), interpolation=None, default_section="")

    def optionxform(self, optionstr: str) -> str:
        """Return the name as it is."""
        return optionstr


def parse(path: Path, lines: Sequence[Line]) -> Document:
    """Return the sections of a file.

    Raises ConfigError for a line that is not ``setting = value``, and for a repeated setting or section.
    """
    for line in lines:
        # configparser ignores text after the bracket.
        if line.text.startswith("[") and not line.section:
            raise ConfigError(f"{path}, line {line.number}: {line.text!r} is not '[section]'")
    parser = _Parser()
    texts = [line.text if line.section is None else f"[{line.section}]" for line in lines]
    try:
        parser.read_file(f"{text}\n" for text in texts)
    except configparser.DuplicateOptionError as error:
        raise _twice(path, lines, error.section, error.option) from None
    except configparser.DuplicateSectionError as error:
        raise _twice(path, lines, error.section, "") from None
    except configparser.MissingSectionHeaderError as error:
        raise _unreadable(path, lines[error.lineno - 1]) from None
    except configparser.ParsingError as error:
        raise _unreadable(path, lines[error.errors[0][0] - 1]) from None
    sections = {name: dict(parser[name]) for name in parser.sections()}
    return Document(path, sections, dict(line_numbers(lines)))


def _unreadable(path: Path, line: Line) -> ConfigError:
    home = SECTION_OF.get(line.setting)
    why = f"stands above all sections; it belongs in [{home}]" if home else "is not 'setting = value'"
    return ConfigError(f"{path}, line {line.number}: {without_password(line.text)!r} {why}")


def _twice(path: Path, lines: Sequence[Line], section: str, setting: str) -> ConfigError:
    first, second, *_ = [number for place, number in line_numbers(lines) if place == (section, setting)]
    what = f"[{section}] {setting} is set" if setting else f"the section [{section}] begins"
    advice = "write all values into one line, with commas" if setting in LISTS else "keep one of them"
    return ConfigError(f"{path}, line {second}: {what} a second time, as in line {first}: {advice}")
