"""LGI_server.cfg: ``setting = value`` lines in sections, read into a `Config`."""

from collections.abc import Sequence
from pathlib import Path

from lgi_server.config import checks, document, flat_form, projects, section_reader, source
from lgi_server.config.document import Document
from lgi_server.config.model import Config
from lgi_server.config.notifications import NotificationSettings
from lgi_server.config.object_store import ObjectStore
from lgi_server.config.repository_host import RepositoryHost
from lgi_server.config.scheduler import SchedulerSettings
from lgi_server.config.sections import SECTIONS
from lgi_server.config.source import ConfigError

__all__ = ["ConfigError", "load"]


def load(path: Path) -> Config:
    """Return the configuration in a file; relative paths start at its directory. Raises ConfigError.

    A file without sections, as LGI_setup wrote it before, is read too; a warning says how to convert it.
    """
    lines, warnings = source.read(path), list[str]()
    if flat_form.is_flat(lines):
        warnings = [f"{path} has no sections yet; give it some with: LGI_setup convert {path}"]
        lines = flat_form.with_sections(lines)
    found = document.parse(path.resolve(), lines)
    projects.check_sections(found)
    config = _config(found, warnings)
    checks.check(found, config)
    return config


def _config(found: Document, warnings: Sequence[str]) -> Config:
    asked = {name: kind for name, kind in SECTIONS.items() if _is_asked(found, name)}
    parts = {name: section_reader.values(found, name, kind) for name, kind in asked.items()}
    scheduler = SchedulerSettings(**parts.pop("scheduler"))  # type: ignore[arg-type]
    notifications = NotificationSettings(**parts.pop("notifications"))  # type: ignore[arg-type]
    host = parts.pop("repository_host", None)
    store = parts.pop("object_store", None)
    values = {name: value for part in parts.values() for name, value in part.items()}
    return Config(
        projects=projects.read(found, str(values["default_project"])),
        remote=RepositoryHost(**host) if host else None,  # type: ignore[arg-type]
        object_store=ObjectStore(**store) if store else None,  # type: ignore[arg-type]
        scheduler=scheduler,
        notifications=notifications,
        path=found.path,
        warnings=(*warnings, *scheduler.warnings),
        **values,  # type: ignore[arg-type]
    )


def _is_asked(found: Document, name: str) -> bool:
    """Return whether a section counts: one of an other place for repositories does if it has a setting."""
    return name not in {"repository_host", "object_store"} or bool(found.sections.get(name))
