"""Checks whether the run directory has space for more jobs; the log says once when it has not."""

import errno
import logging
import math
import os
import time
from pathlib import Path
from threading import Lock

from lgi_daemon.files.reserve import Reserve

log = logging.getLogger(__name__)

# Reserved for records, scripts and inputs of the jobs that are here.
SPARE_BYTES = 16 * 1024 * 1024
SPARE_FILES = 1000
_FULL = "not fetching jobs: no space in %s: %s"
_CLOSED = "not fetching jobs: no files can be written into %s: %s"
_PROBE = ".probe"
_PROBE_BYTES = 4096
# A quota is noticed by a file, which is written this rarely, in seconds: a busy daemon asks for each job.
FRESH_SECONDS = 1.0


class DiskSpace:
    """The file system of a directory that no job can write to, for several threads."""

    def __init__(self, folder: Path, reserve: Reserve) -> None:
        """Assume space until a check fails; allocate the reserve again whenever there is space."""
        self._folder = folder
        self._reserve = reserve
        self._guard = Lock()
        self._full = False
        # When a file was written last, in the seconds of a clock that never goes back.
        self._written_at = -math.inf

    def has_space(self, max_age: float = FRESH_SECONDS) -> bool:
        """Return whether the reserve is free and a file can be written; log each change once.

        That one can be written may have been found out ``max_age`` seconds ago.
        """
        with self._guard:
            message = _FULL
            try:
                problem = self._shortage()
                if self._full or time.monotonic() >= self._written_at + max_age:
                    self._write_probe()
            except OSError as error:
                problem = error.strerror or str(error)
                message = _FULL if error.errno in {errno.ENOSPC, errno.EDQUOT} else _CLOSED
            if problem and not self._full:
                log.critical(message, self._folder, problem)
            if self._full and not problem:
                log.info("fetching jobs again: files can be written into %s", self._folder)
            if not problem:
                self._reserve.allocate()
            self._full = bool(problem)
        return not self._full

    def is_short(self) -> bool:
        """Return whether less than the reserve is free; writes nothing, and notices no quota."""
        try:
            return bool(self._shortage())
        except OSError:
            return True

    def _write_probe(self) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        # Always the same name, so that a daemon killed here leaves at most one file.
        with os.fdopen(os.open(self._folder / _PROBE, flags, 0o600), "wb") as opened:
            opened.write(b"x" * _PROBE_BYTES)
            opened.flush()
            os.fsync(opened.fileno())
        (self._folder / _PROBE).unlink()
        self._written_at = time.monotonic()

    def _shortage(self) -> str:
        space = os.statvfs(self._folder)
        free = space.f_bavail * space.f_frsize
        if free < SPARE_BYTES:
            return f"{free} bytes are free, {SPARE_BYTES} are reserved for the jobs that are here"
        # File systems without a fixed number of files report 0.
        if space.f_files and space.f_favail < SPARE_FILES:
            return f"{space.f_favail} files are free, {SPARE_FILES} are reserved for the jobs that are here"
        return ""
