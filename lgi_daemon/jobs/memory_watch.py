"""Enforces the memory limits of jobs where neither a batch system nor a container does."""

import logging
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path

from lgi_daemon.execution import process_table
from lgi_daemon.execution.bounds import MEGABYTE
from lgi_daemon.execution.process_table import ProcessTable
from lgi_daemon.files import atomic_file
from lgi_daemon.jobs import excess
from lgi_daemon.jobs.job import LocalJob
from lgi_daemon.jobs.job_table import JobTable
from lgi_daemon.servers.clock import Clock

log = logging.getLogger(__name__)

# In the state directory: the limit in MB, from the run script.
LIMIT = "memory_limit"
SECONDS = 1.0
_MAX_DIGITS = 9


@dataclass
class MemoryWatch:
    """Checks the running jobs that have a limit, once a second."""

    jobs: JobTable
    clock: Clock
    table: ProcessTable = field(default_factory=ProcessTable)
    due_at: float = 0.0
    # Killed once already: if they go on, their run scripts are killed too.
    _killed: set[str] = field(default_factory=set)

    def tick(self) -> None:
        """Kill the processes of jobs that exceed their memory limit."""
        if self.clock.now < self.due_at:
            return
        self.due_at = self.clock.now + SECONDS
        running = [job for job in self.jobs if job.record.run and not job.record.ending and not job.closed]
        limited = {job: limit for job in running if (limit := bound_of(job))}
        self._killed &= {job.record.reference for job in limited}
        if limited:
            self.table.read()
        for job, limit in limited.items():
            self._check(job, limit)

    def _check(self, job: LocalJob, limit: int) -> None:
        used = process_table.memory(self.table.select(job.process_selector), limit * MEGABYTE)
        if used <= limit * MEGABYTE:
            return
        log.warning("%s: killed, it uses %d MB and its limit is %d MB", job.title, used // MEGABYTE, limit)
        excess.note(job, f"it used more than {limit} MB")
        excess.kill(job, self.table, spares_run_script=job.record.reference not in self._killed)
        self._killed.add(job.record.reference)


def bound_of(job: LocalJob) -> int:
    """Return how many MB a job may use, 0 for no bound: the least of its limit and of ``job_max_memory``."""
    return min(filter(None, (limit_of(job), job.record.bounds.memory)), default=0)


def limit_of(job: LocalJob) -> int:
    """Return the limit in MB, 0 for none: what the run script wrote first, since the job may change it."""
    if job.memory_limit:
        return job.memory_limit
    kept = job.run.records / job.record.reference
    limit = _number(kept / LIMIT)
    if not limit:
        limit = _number(job.run.state(job.record) / LIMIT)
        if limit:
            try:
                atomic_file.write(kept, LIMIT, b"%d\n" % limit, durable=False)
            except OSError as error:
                log.warning("%s: cannot store its memory limit: %s", job.title, error)
    job.memory_limit = limit
    return limit


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
