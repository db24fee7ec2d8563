"""The control groups of jobs: the kernel bounds the memory that all processes of a job use together.

A cgroup is a directory below that of a scope, named after the reference of the job. The kernel kills the
largest process of a job that needs more than its limit, and counts that. It is not told to kill all at once
(memory.oom.group): the run script, which is small, writes down how its program has ended.
"""

import errno
import logging
import os
import time
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from lgi_daemon.execution.bounds import MEGABYTE
from lgi_protocol.job_usage import NO_USAGE, JobUsage

log = logging.getLogger(__name__)

_PREFIX = "job_"
_DEATH_SECONDS = 2.0


class JobCgroups:
    """The cgroups of all jobs of a daemon, for several threads; none without a ``folder``."""

    def __init__(self, folder: Path | None = None) -> None:
        """Take the directory of a cgroup that passes the memory controller on to those below it."""
        self.folder = folder
        # MB.
        self._limits: dict[str, int] = {}

    def has(self, reference: str) -> bool:
        """Return whether a job has a cgroup: the kernel bounds its memory."""
        return reference in self._limits

    def enter(self, reference: str, pid: int, megabytes: int) -> None:
        """Put a process, and all it starts from now on, into a cgroup of the job with this limit.

        Do nothing without a folder. Raise OSError when that fails: the job has no cgroup then.
        """
        if self.folder is None:
            return
        folder = self._folder(reference)
        try:
            folder.mkdir(exist_ok=True)
            _write(folder / "memory.max", megabytes * MEGABYTE)
            _write(folder / "cgroup.procs", pid)
        except OSError:
            with suppress(OSError):
                folder.rmdir()
            raise
        self._limits[reference] = megabytes

    def join(self, reference: str, pid: int) -> None:
        """Put a further process into the cgroup of a job, if it has one. Raise OSError when that fails."""
        if self.has(reference):
            _write(self._folder(reference) / "cgroup.procs", pid)

    def set_limit(self, reference: str, megabytes: int) -> None:
        """Give the cgroup of a job another limit, unless it has that one. Raise OSError when that fails."""
        if self._limits[reference] != megabytes:
            _write(self._folder(reference) / "memory.max", megabytes * MEGABYTE)
            self._limits[reference] = megabytes

    def kills(self, reference: str) -> int:
        """Return how often a process of a job was killed because the job was at its limit.

        Those that are killed because the whole machine has no memory left do not count.
        """
        if not self.has(reference):
            return 0
        try:
            text = (self._folder(reference) / "memory.events").read_text("ascii")
        except OSError:
            return 0
        events = dict(line.split() for line in text.splitlines())
        return int(events.get("oom_kill", 0)) if int(events.get("oom", 0)) else 0

    def usage(self, reference: str) -> JobUsage:
        """Return the processor time and peak memory of all processes of a job, as far as the kernel knows."""
        if not self.has(reference):
            return NO_USAGE
        folder = self._folder(reference)
        try:
            times = dict(line.split() for line in (folder / "cpu.stat").read_text("ascii").splitlines())
            milliseconds = int(times["usage_usec"]) // 1000
        except (OSError, KeyError, ValueError):
            milliseconds = None
        try:
            # Linux 5.19 and later.
            peak = int((folder / "memory.peak").read_text("ascii"))
        except (OSError, ValueError):
            peak = None
        return JobUsage(milliseconds, peak)

    def recover(self, references: Collection[str]) -> None:
        """Learn which jobs have cgroups since a former daemon; remove those of jobs that are not here."""
        if self.folder is None:
            return
        for folder in sorted(self.folder.glob(f"{_PREFIX}*")):
            reference = folder.name.removeprefix(_PREFIX)
            self._limits[reference] = 0
            if reference not in references:
                self.remove(reference)

    def remove(self, reference: str) -> None:
        """Kill what is left in the cgroup of a job, if it has one, and remove it."""
        if not self.has(reference):
            return
        folder = self._folder(reference)
        try:
            _remove(folder)
        except FileNotFoundError:
            # A scope ends with its last process.
            pass
        except OSError as error:
            log.critical("cannot remove the cgroup %s: %s", folder, error)
        self._limits.pop(reference, None)

    def _folder(self, reference: str) -> Path:
        assert self.folder is not None  # noqa: S101 - only with one there are cgroups
        return self.folder / f"{_PREFIX}{reference}"


def _remove(folder: Path) -> None:
    """Remove a cgroup; its processes are killed first, and those in cgroups that they have made."""
    deadline = time.monotonic() + _DEATH_SECONDS
    while True:
        try:
            folder.rmdir()
        except OSError as error:
            if error.errno not in (errno.EBUSY, errno.ENOTEMPTY) or time.monotonic() > deadline:
                raise
        else:
            return
        # Linux 5.14 and later; before, those that can be recognized have been killed already.
        with suppress(OSError):
            _write(folder / "cgroup.kill", 1)
        time.sleep(0.01)
        for inner, _folders, _files in os.walk(folder, topdown=False):
            if Path(inner) != folder:
                with suppress(OSError):
                    os.rmdir(inner)


def _write(path: Path, number: int) -> None:
    path.write_text(str(number), "ascii")
