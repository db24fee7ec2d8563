"""Binds jobs on plain processes of applications/library to cores, where their scripts would start taskset."""

import os
from contextlib import suppress

from lgi_daemon.jobs import library, library_requests
from lgi_daemon.jobs.job import LocalJob

# Tells the run script that it runs on no more cores than it may.
HINT = {"LGI_CORES": "bound"}


def cores_of(job: LocalJob) -> list[int]:
    """Return the cores to bind the run script of a job to; none when the script does it, or need not."""
    script = job.run.script(job.record, "job_run_script")
    settings = library.settings_of(job.record, script)
    if settings is None or settings.get("backend") != "process" or settings["container"]:
        return []
    number = library_requests.number(settings, job.record.job_specifics, "cpus")
    return library_requests.cores(os.sched_getaffinity(0), number or 0, job.record.reference)


def bind(pid: int, cores: list[int]) -> None:
    """Bind a process, and all it starts, to cores; not when the daemon itself has just lost one of them."""
    if cores:
        with suppress(OSError):
            os.sched_setaffinity(pid, cores)
