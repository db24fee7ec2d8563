"""Whether the run directory can take more; when it cannot, no jobs are taken, and the log says so once."""

import logging
import os
from pathlib import Path
from threading import Lock

from lgi_daemon.files.reserve import Reserve

log = logging.getLogger(__name__)

# Records, scripts and inputs of the jobs that are here must fit all the same.
SPARE_BYTES = 16 * 1024 * 1024
SPARE_FILES = 1000
_PROBE = ".probe"
_PROBE_BYTES = 4096


class Disk:
    """The disk below a folder that no job can write, asked by several threads."""

    def __init__(self, folder: Path, reserve: Reserve) -> None:
        """Nothing is wrong until something has failed; the reserve is kept again when there is room."""
        self._folder = folder
        self._reserve = reserve
        self._guard = Lock()
        self._bad = False

    def takes_more(self) -> bool:
        """Try it out: whether there is room to spare and a file can be written. Tells each news once."""
        with self._guard:
            try:
                problem = self._shortage()
                self._try_out()
            except OSError as error:
                problem = str(error)
            if problem and not self._bad:
                log.critical("no work is asked for: %s cannot take more: %s", self._folder, problem)
            if self._bad and not problem:
                log.info("work is asked for again: %s can take more", self._folder)
            if not problem:
                self._reserve.keep()
            self._bad = bool(problem)
        return not self._bad

    def _try_out(self) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        # One name, so that a daemon killed here leaves one file at most, and the next daemon uses it.
        with os.fdopen(os.open(self._folder / _PROBE, flags, 0o600), "wb") as opened:
            opened.write(b"x" * _PROBE_BYTES)
            opened.flush()
            os.fsync(opened.fileno())
        (self._folder / _PROBE).unlink()

    def _shortage(self) -> str:
        space = os.statvfs(self._folder)
        free = space.f_bavail * space.f_frsize
        if free < SPARE_BYTES:
            return f"{free} bytes are free, {SPARE_BYTES} are kept for the jobs that are here"
        # Some kinds of file system have no fixed number of files, and say 0.
        if space.f_files and space.f_favail < SPARE_FILES:
            return f"{space.f_favail} files are free, {SPARE_FILES} are kept for the jobs that are here"
        return ""
