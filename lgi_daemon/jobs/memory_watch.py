"""Keeps the memory of jobs within what they were given, where neither a batch system nor a container does."""

import logging
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path

from lgi_daemon.execution import process_table
from lgi_daemon.execution.process_table import ProcessTable
from lgi_daemon.files import atomic_file
from lgi_daemon.jobs.job import LocalJob
from lgi_daemon.jobs.job_table import JobTable
from lgi_daemon.servers.clock import Clock

log = logging.getLogger(__name__)

# In the state directory: a run script's word of how many MB the job may have, and ours that it had more.
LIMIT = "memory_limit"
EXCEEDED = "memory"
SECONDS = 1.0
_MEGABYTE = 1024 * 1024
_MOST_DIGITS = 9


@dataclass
class MemoryWatch:
    """Looks at the running jobs that have a limit, once a second."""

    jobs: JobTable
    clock: Clock
    table: ProcessTable = field(default_factory=ProcessTable)
    due_at: float = 0.0
    # Ended once by us: if that was not enough, their run scripts are ended too.
    _ended: set[str] = field(default_factory=set)

    def tick(self) -> None:
        """End the processes of jobs that have more memory than they were given."""
        if self.clock.now < self.due_at:
            return
        self.due_at = self.clock.now + SECONDS
        running = [job for job in self.jobs if job.record.run and not job.record.ending and not job.closed]
        limited = {job: limit for job in running if (limit := limit_of(job))}
        self._ended &= {job.record.reference for job in limited}
        if limited:
            self.table.read()
        for job, limit in limited.items():
            self._look(job, limit)

    def _look(self, job: LocalJob, limit: int) -> None:
        found = self.table.of(job.belongings)
        used = process_table.memory(found, limit * _MEGABYTE)
        if used <= limit * _MEGABYTE:
            return
        log.warning("%s: has %d MB of %d MB and is ended", job.title, used // _MEGABYTE, limit)
        _note(job, f"it used more than {limit} MB\n")
        run = job.record.run
        # The run script of `command` says how what it has started has ended.
        if run is not None and job.record.reference not in self._ended and len(found) > 1:
            found.discard(run.pid)
        self._ended.add(job.record.reference)
        process_table.kill(found)


def limit_of(job: LocalJob) -> int:
    """MB; 0 for none. The first word of the run script counts: the job could write there later."""
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
                log.warning("%s: its limit of memory cannot be kept: %s", job.title, error)
    job.memory_limit = limit
    return limit


def _number(path: Path) -> int:
    """The number in a plain file; 0 for anything else. No link is followed."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return 0
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return 0
        text = os.read(descriptor, _MOST_DIGITS + 2).strip()
    except OSError:
        return 0
    finally:
        os.close(descriptor)
    return int(text) if text.isdigit() and len(text) <= _MOST_DIGITS else 0


def _note(job: LocalJob, text: str) -> None:
    """For whoever writes the end of the job: the word comes before its processes are killed."""
    try:
        atomic_file.write(job.run.state(job.record), EXCEEDED, text.encode(), mode=0o644, durable=False)
    except OSError as error:
        log.warning("%s: why it is ended cannot be noted: %s", job.title, error)
