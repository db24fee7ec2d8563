"""The directories in which jobs may run that were submitted there: none without an administrator's word."""

import os

from lgi_daemon.config.section import ConfigurationError, Section
from lgi_protocol import comma_lists


def shared_directories(section: Section) -> tuple[str, ...]:
    """Return the directories of ``shared_directories``. Raise ConfigurationError for a path that is none."""
    found = comma_lists.split(section.optional("shared_directories"))
    for path in found:
        if not path.startswith("/") or os.path.realpath(path) != path or path == "/":
            raise ConfigurationError(
                f"{section.path}/shared_directories has {path!r}: name directories below /, with absolute "
                "paths that have no symbolic links"
            )
    return found
