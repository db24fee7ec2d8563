"""The number of the daemons of a run directory, by which servers distinguish those of one resource."""

import logging
import re
import secrets
from pathlib import Path

from lgi_daemon.files import atomic_file

log = logging.getLogger(__name__)

NAME = ".daemon"
_NUMBER = re.compile("[0-9A-F]{32}")


def stored(folder: Path) -> str:
    """Return the number of a run directory; empty when it has none yet."""
    try:
        found = _NUMBER.match((folder / NAME).read_text("ascii"))
    except (OSError, ValueError):
        return ""
    return found.group() if found else ""


def make(folder: Path) -> str:
    """Return the number of a run directory, which all its daemons have, one after the other; store a new one.

    On a full disk it is that of this daemon alone.
    """
    if number := stored(folder):
        return number
    number = secrets.token_hex(16).upper()
    try:
        atomic_file.write(folder, NAME, f"{number}\n".encode())
    except OSError as error:
        log.debug("cannot write %s: %s", folder / NAME, error)
    return number
