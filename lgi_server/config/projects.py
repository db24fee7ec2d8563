"""The sections of projects."""

from collections.abc import Mapping

from lgi_protocol import xml
from lgi_server.config import licences, section_reader, suggestion
from lgi_server.config.document import Document
from lgi_server.config.sections import LICENCES, PROJECT, SECTIONS, ProjectConfig
from lgi_server.config.source import ConfigError

# The valid names of sections; NAME is that of a project.
_FORMS = (*SECTIONS, f"{PROJECT} NAME", LICENCES, f"{LICENCES} NAME")


def check_sections(document: Document) -> None:
    """Check the names of all sections. Raises ConfigError."""
    for name in document.sections:
        word, _, project = name.partition(" ")
        if word == PROJECT and not xml.is_name(project):
            raise document.error(name, "", "write [project NAME], NAME being a word such as LGI")
        if name not in SECTIONS and word not in {PROJECT, LICENCES}:
            raise document.error(name, "", suggestion.unknown_section(name, _FORMS))


def read(document: Document, default: str) -> Mapping[str, ProjectConfig]:
    """Return the projects by their names. Raises ConfigError. ``default`` is the default project."""
    names = [name.partition(" ")[2] for name in document.sections if name.partition(" ")[0] == PROJECT]
    if not names:
        raise ConfigError(f"{document.path}: there is no [project NAME] section")
    if default not in names:
        why = suggestion.unknown_project(default, names)
        raise document.error("server", "default_project", why, default)
    stock = licences.by_project(document, dict.fromkeys(names), default)
    projects: dict[str, ProjectConfig] = {}
    for name in names:
        values = section_reader.values(document, f"{PROJECT} {name}", ProjectConfig)
        one = ProjectConfig(name=name, licences=stock.get(name, {}), **values)  # type: ignore[arg-type]
        _check_database(document, projects, one)
        projects[name] = one
    return projects


def _check_database(document: Document, others: Mapping[str, ProjectConfig], one: ProjectConfig) -> None:
    """Check that no two projects share a database: they would share jobs, users and resources."""
    for other in others.values():
        if other.database == one.database:
            why = f"project {one.name} has the database of project {other.name}: each needs one of its own"
            raise document.error(f"{PROJECT} {one.name}", "database", why)
