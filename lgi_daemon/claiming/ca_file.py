"""The CA certificate that jobs get beside their own: without it no job is fetched, which is logged once."""

import logging
from pathlib import Path
from threading import Lock

log = logging.getLogger(__name__)


class CaFile:
    """Checks the file, for several threads."""

    def __init__(self) -> None:
        """Assume that it can be read."""
        self._guard = Lock()
        self._is_missing = False

    def is_readable(self, path: Path) -> bool:
        """Return whether the file can be read; log each change once."""
        problem = ""
        try:
            path.read_text("utf-8")
        except (OSError, ValueError) as error:
            problem = getattr(error, "strerror", None) or str(error)
        with self._guard:
            if problem and not self._is_missing:
                log.critical("not fetching jobs: cannot read the CA file %s: %s", path, problem)
            if self._is_missing and not problem:
                log.info("fetching jobs again: the CA file %s can be read", path)
            self._is_missing = bool(problem)
        return not problem
