"""How much memory a job may use, and why it ends when it uses more."""

import logging
import os
import stat
import time
from pathlib import Path

from lgi_daemon.files import atomic_file
from lgi_daemon.jobs import excess
from lgi_daemon.jobs.job import LocalJob

log = logging.getLogger(__name__)

# In the state directory: the limit in MB, from the run script.
LIMIT = "memory_limit"
_MAX_DIGITS = 9
# Nanoseconds: a later change of a directory surely has another time by then.
_DISTINCT = 2 * 10**9


def reason(limit: int) -> str:
    """Return the reason for the end of a job that used more than its limit in MB."""
    return f"it used more than {limit} MB"


def note_kills(job: LocalJob) -> None:
    """Note why a job ends of which the kernel has killed a process, if that was the job's limit."""
    if job.scripts.cgroups.kills(job.record.reference) and not excess.reason_of(job):
        limit = bound_of(job)
        log.warning("%s: killed by the kernel, its limit is %d MB", job.title, limit)
        excess.note(job, reason(limit))


def bound_of(job: LocalJob) -> int:
    """Return how many MB a job may use, 0 for no bound: the least of its limit and of ``job_max_memory``."""
    return min(filter(None, (limit_of(job), job.record.bounds.memory)), default=0)


def limit_of(job: LocalJob) -> int:
    """Return the limit in MB, 0 for none: what the run script wrote first, since the job may change it.

    Most jobs have none. Their state directory is looked at again only after it has changed.
    """
    if job.memory_limit:
        return job.memory_limit
    kept, state = job.run.records / job.record.reference, job.run.state(job.record)
    changed = _time_of_change(state)
    if changed and changed == job.without_limit:
        return 0
    # Only this daemon writes the first file, and no limit was known so far.
    limit = _number(kept / LIMIT) if job.without_limit is None else 0
    if not limit:
        limit = _number(state / LIMIT)
        if limit:
            try:
                atomic_file.write(kept, LIMIT, b"%d\n" % limit, durable=False)
            except OSError as error:
                log.warning("%s: cannot store its memory limit: %s", job.title, error)
    job.memory_limit = limit
    is_certain = changed < time.time_ns() - _DISTINCT and not os.path.lexists(state / LIMIT)
    job.without_limit = changed if is_certain else 0
    return limit


def _time_of_change(directory: Path) -> int:
    """Return when a name in a directory has changed, in nanoseconds, which no job can set; 0 if unknown."""
    try:
        return os.stat(directory).st_ctime_ns
    except OSError:
        return 0


def _number(path: Path) -> int:
    """Return the number in a regular file, 0 for anything else. No link is followed."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return 0
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return 0
        text = os.read(descriptor, _MAX_DIGITS + 2).strip()
    except OSError:
        return 0
    finally:
        os.close(descriptor)
    return int(text) if text.isdigit() and len(text) <= _MAX_DIGITS else 0
