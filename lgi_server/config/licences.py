"""The sections of licences: the number of each, by project."""

import re
from collections.abc import Mapping

from lgi_server.config import suggestion
from lgi_server.config.document import Document
from lgi_server.config.sections import LICENCES

# The valid names of licences.
LICENCE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]{0,63}\Z")


def by_project(document: Document, projects: Mapping[str, object], default: str) -> dict[str, dict[str, int]]:
    """Return the licences of each project that has some. Raises ConfigError.

    A section without a name is that of the default project.
    """
    found: dict[str, dict[str, int]] = {}
    for section in document.sections:
        word, _, name = section.partition(" ")
        if word != LICENCES:
            continue
        project = name or default
        if project not in projects:
            raise document.error(section, "", suggestion.unknown_project(project, projects))
        if project in found:
            raise document.error(section, "", f"the licences of project {project} stand in two sections")
        found[project] = {
            licence: _number(document, section, licence) for licence in document.sections[section]
        }
    return found


def _number(document: Document, section: str, name: str) -> int:
    text = document.sections[section][name]
    if not LICENCE_NAME.match(name):
        why = f"{name!r} cannot be the name of a licence: letters, digits and _.+-"
        raise document.error(section, name, why)
    if not (text.isascii() and text.isdigit() and len(text) < 7):
        raise document.error(section, name, "write how many there are, from 0 to 999999", text)
    return int(text)
