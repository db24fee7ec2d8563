"""Binds jobs on plain processes of applications/library to cores, where their scripts would start taskset."""

import os
from contextlib import suppress

from lgi_daemon.jobs import library, library_requests
from lgi_daemon.jobs.library_settings import Settings
from lgi_daemon.rundir.record import JobRecord

# Tells the run script that it runs on no more cores than it may.
HINT = {"LGI_CORES": "bound"}


def cores_of(record: JobRecord, settings: Settings | None) -> list[int]:
    """Return the cores to bind the run script of a job to; none when the script does it, or need not."""
    if settings is None or not library.is_plain(settings):
        return []
    number = library_requests.number(settings, record.job_specifics, "cpus")
    return library_requests.cores(os.sched_getaffinity(0), number or 0, record.reference)


def bind(pid: int, cores: list[int]) -> None:
    """Bind a process, and all it starts, to cores; not when the daemon itself has just lost one of them."""
    if cores:
        with suppress(OSError):
            os.sched_setaffinity(pid, cores)
