"""What a job has used, measured after its end: processor time, peak memory and disk.

The kernel's counts are taken first: those of its cgroup, where it has one, or those of its run script and all
processes for which that has waited. The script of a batch system, or one that an earlier daemon has started,
has stored its times itself. What is not known stays so.
"""

import os
import re
import time

from lgi_daemon.execution.children import SERVER
from lgi_daemon.files.disk_usage import DiskUsage, TooDeepError
from lgi_daemon.jobs.job import LocalJob
from lgi_protocol.job_directory import DamagedFileError, JobDirectory
from lgi_protocol.job_usage import MOST, NO_USAGE, JobUsage, bounded

# In the state directory: written by the script of a job whose processes are children of it; and by the
# back-end of plain processes.
TIMES, PROCESS = "usage", "process"
_MOST_BYTES = 400
_TIME = re.compile(r"(?<![0-9])([0-9]{1,9})m([0-9]{1,2})[.,]([0-9]{1,6})s")
# For the kernel to finish a script that has written its last line; and to count the files of a job.
_LATE_SECONDS, _COUNT_SECONDS = 0.1, 2.0


def usage_of(job: LocalJob) -> JobUsage:
    """Return what a job has used whose end is to be reported; its processes have ended."""
    if job.record.run is None:
        return NO_USAGE
    milliseconds, peak = job.counted.cpu_milliseconds, job.counted.peak_memory
    if milliseconds is None or peak is None:
        own = _of_script(job)
        milliseconds = own.cpu_milliseconds if milliseconds is None else milliseconds
        peak = max(own.peak_memory or 0, job.seen_memory) or None if peak is None else peak
    return bounded(JobUsage(milliseconds, peak, _disk(job)))


def _of_script(job: LocalJob) -> JobUsage:
    """Return what the run script of a job of the library has used, as far as it is the job."""
    state, run = job.run.state(job.record), job.record.run
    milliseconds = _times(job)
    if run is None or milliseconds is None:
        return NO_USAGE
    if not os.path.lexists(state / PROCESS):
        return JobUsage(milliseconds)
    counted = SERVER.usage_of(run.pid, _LATE_SECONDS)
    return counted if counted != NO_USAGE else JobUsage(milliseconds)


def _times(job: LocalJob) -> int | None:
    """Return the sum of the times that a script has stored, in milliseconds; None without any."""
    try:
        with JobDirectory(job.run.state(job.record)).open_plain(TIMES) as opened:
            status = os.fstat(opened.fileno())
            if job.run.files(job.record).owner not in (None, status.st_uid):
                return None
            text = opened.read(_MOST_BYTES).decode("ascii", "replace")
    except (DamagedFileError, OSError):
        return None
    parts = _TIME.findall(text)
    seconds = sum(60 * int(minutes) + float(f"{whole}.{part}") for minutes, whole, part in parts)
    return int(1000 * seconds) if parts else None


def _disk(job: LocalJob) -> int | None:
    """Return the space that the directory of a job occupies; None if there is too much to count it soon."""
    end = time.monotonic() + _COUNT_SECONDS
    counted = DiskUsage(MOST["disk_used"], lambda: time.monotonic() > end)
    try:
        counted.add(job.run.files(job.record).path)
    except TooDeepError:
        return None
    return counted.used if time.monotonic() <= end else None
