"""One element of the configuration file: checked values, and errors that name tag, value and remedy."""

import codecs
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lgi_protocol import whole_number, xml

_NUMBER = re.compile(r"""\bnumber\s*=\s*(['"])\s*([0-9]{1,9})\s*\1""")


class ConfigurationError(Exception):
    """The configuration is invalid; the text, one line, names the tag, the value and what to do."""


@dataclass(frozen=True)
class Section:
    """The content of an element, its path (``LGI/resource/project 1``) and the directory of the file."""

    content: str
    path: str
    directory: Path

    def section(self, name: str, number: int | None = None) -> "Section":
        """Return a nested element, with ``number`` the one with that attribute."""
        place = f"{self.path}/{name}" + ("" if number is None else f" {number}")
        found = [one for one in xml.find_all(self.content, name) if number in (None, _number(one))]
        if not found:
            attribute = "" if number is None else f" number='{number}'"
            raise ConfigurationError(
                f"{place} is missing: add <{name}{attribute}> ... </{name}> inside {self.path}"
            )
        return Section(found[0].inside, place, self.directory)

    def numbered(self, name: str, count: str) -> "list[Section]":
        """Return the elements with the attributes number='1' to that of the tag ``count``.

        Raise ConfigurationError when one is missing, or there are more.
        """
        number = self.number(count)
        sections = [self.section(name, one) for one in range(1, number + 1)]
        found = len(xml.find_all(self.content, name))
        if found > number:
            raise ConfigurationError(
                f"{self.path} has {found} times <{name}>, and {count} is {number}: "
                f"correct {count}, or remove a <{name}>"
            )
        return sections

    def children(self) -> Iterator[tuple[str, "Section"]]:
        """Yield the name and the content of each nested element that can be read."""
        for one in xml.elements(self.content):
            number = _number(one)
            place = f"{self.path}/{one.name}" + ("" if number is None else f" {number}")
            yield one.name, Section(one.inside, place, self.directory)

    @property
    def unread(self) -> str:
        """At which tag reading has stopped, as the end of a sentence; empty when all can be read."""
        end = max((found.end for found in xml.elements(self.content)), default=0)
        hiding = re.search(r"<[^>]*>?", self.content[end:])
        return f" (reading stopped at {hiding.group()!r}: is that tag closed?)" if hiding else ""

    def optional(self, name: str) -> str:
        """Return a value, empty when the tag is missing or empty."""
        found = xml.find(self.content, name)
        if found is None:
            return ""
        nested = re.search(r"<\s*([^\s>/]+)", found.inside)
        if nested is None:
            return found.text
        if nested.group(1) == name:
            cure = f"the tag is nested in itself: remove the outer <{name}>"
        else:
            cure = f"it contains the tag <{nested.group(1)}> instead of a value: close it with </{name}>"
        raise ConfigurationError(f"{self.path}/{name}: {cure}")

    def value(self, name: str) -> str:
        """Return a value. Raise ConfigurationError when it is missing or empty."""
        found = self.optional(name)
        if not found:
            raise ConfigurationError(
                f"{self.path}/{name} is missing or empty: add <{name}> ... </{name}> inside {self.path}"
            )
        return found

    def number(self, name: str, most: int = whole_number.MOST) -> int:
        """Return a whole number. Raise ConfigurationError when it is missing, less than 1 or too large."""
        return self._number(name, self.value(name), 1, most)

    def optional_number(self, name: str, most: int = whole_number.MOST) -> int:
        """Return a whole number, 0 when it is missing. Raise ConfigurationError when it is too large."""
        return self._number(name, self.optional(name) or "0", 0, most)

    def optional_choice(self, name: str) -> bool:
        """Return whether a value is ``yes``; False when it is missing. Raise ConfigurationError unless no."""
        text = self.optional(name) or "no"
        if text not in {"yes", "no"}:
            raise ConfigurationError(f"{self.path}/{name} is {text[:40]!r}: it must be yes or no")
        return text == "yes"

    def _number(self, name: str, text: str, least: int, most: int) -> int:
        number = whole_number.read(text, least, most)
        if number is None:
            raise ConfigurationError(
                f"{self.path}/{name} is {text[:40]!r}: it must be a whole number from {least} to {most}"
            )
        return number

    def file(self, name: str, executable: bool = False) -> Path:
        """Return the absolute path of a file. Raise ConfigurationError if it is unreadable or empty."""
        path = self.resolve(self.value(name))
        problem = _problem(path, executable)
        if problem:
            raise ConfigurationError(f"{self.path}/{name}: the file {path} {problem}")
        return path

    def script(self, name: str, executable: bool = False) -> Path:
        """Return the absolute path of a script. Raise ConfigurationError as `file`, and for UTF-16."""
        path = self.file(name, executable)
        with path.open("rb") as opened:
            begin = opened.read(2)
        # Without '#!' a file is run by sh, which would skip what it cannot parse.
        if begin in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
            raise ConfigurationError(
                f"{self.path}/{name}: the file {path} is text in UTF-16: save it as UTF-8"
            )
        return path

    def folder(self, name: str) -> Path:
        """Return the absolute path of a directory. Raise ConfigurationError unless it is writable."""
        path = self.resolve(self.value(name))
        problem = folder_problem(path)
        if problem:
            raise ConfigurationError(f"{self.path}/{name}: the directory {path} {problem}")
        return path

    def resolve(self, text: str) -> Path:
        """Return an absolute path: relative to the configuration file, else to the working directory.

        The document of LGI describes the first, LGI 1.31 does the second.
        """
        in_directory = (self.directory / text).absolute()
        if in_directory.exists():
            return in_directory.resolve()
        # As LGI: paths are relative to the working directory.
        here = Path(text).absolute()
        return here.resolve() if here.exists() else in_directory


def folder_problem(path: Path) -> str:
    """Return what is wrong with a directory and what to do, empty when it can be used."""
    if not path.is_dir():
        return f"does not exist: create it (mkdir -p {path})"
    if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        return "cannot be read and written: change its owner or mode"
    return ""


def _number(found: xml.XmlElement) -> int | None:
    match = _NUMBER.search(found.attributes)
    return int(match.group(2)) if match else None


def _problem(path: Path, executable: bool) -> str:
    """Return what is wrong with a file and what to do, empty when it can be used."""
    if not path.exists():
        return "does not exist: create it or correct the path"
    if not path.is_file():
        return "is not a plain file: name a file"
    if not os.access(path, os.R_OK):
        return "cannot be read: change its owner or mode"
    if path.stat().st_size == 0:
        return "is empty: fill it, a script at least with '#!/bin/sh'"
    if executable and not path.stat().st_mode & 0o111:
        return f"cannot be executed: chmod +x {path}"
    return ""


def read_root(file: Path) -> Section:
    """Return the ``LGI`` element of a configuration file. Raise ConfigurationError when it cannot be read."""
    try:
        text = file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigurationError(f"Could not read from configuration file {file}: {reason}") from None
    if not text.strip():
        raise ConfigurationError(f"Could not read from configuration file {file}: it is empty")
    # Comments go first: a tag in a comment must neither open nor close anything.
    text = re.sub(r"<!--.*?-->", " ", text, flags=re.DOTALL)
    if "<!" in text:
        cure = "close the comment with -->" if "<!--" in text else "remove the DTD, entity or CDATA section"
        raise ConfigurationError(f"{file} holds '<!', which is not accepted in a configuration: {cure}")
    found = xml.find(text, "LGI")
    if found is None:
        raise ConfigurationError(f"{file} has no <LGI> ... </LGI> element: check that every tag is closed")
    outside = re.search("<[^>?]*>?", re.sub(r"<\?.*?\?>", "", text[: found.begin] + text[found.end :]))
    if outside:
        raise ConfigurationError(
            f"{file}: {outside.group()!r} is outside of <LGI> ... </LGI>: move it inside, or remove it"
        )
    return Section(found.inside, "LGI", file.absolute().parent)
