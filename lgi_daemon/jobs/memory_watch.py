"""Enforces the memory limits of jobs where neither a batch system nor a container does."""

import logging
from dataclasses import dataclass, field

from lgi_daemon.execution import process_table
from lgi_daemon.execution.bounds import MEGABYTE
from lgi_daemon.execution.process_table import ProcessTable
from lgi_daemon.jobs import excess, memory_limit
from lgi_daemon.jobs.job import LocalJob
from lgi_daemon.jobs.job_table import JobTable
from lgi_daemon.servers.clock import Clock

log = logging.getLogger(__name__)

SECONDS = 1.0


@dataclass
class MemoryWatch:
    """Checks the running jobs that have a limit, once a second."""

    jobs: JobTable
    clock: Clock
    table: ProcessTable = field(default_factory=ProcessTable)
    due_at: float = 0.0
    # Killed once already: if they go on, their run scripts are killed too.
    _killed: set[str] = field(default_factory=set)
    # How many processes the kernel had killed, by the reference of the job.
    _kills: dict[str, int] = field(default_factory=dict)

    def tick(self) -> None:
        """Kill the processes of jobs that exceed their memory limit."""
        if self.clock.now < self.due_at:
            return
        self.due_at = self.clock.now + SECONDS
        running = [job for job in self.jobs if job.record.run and not job.record.ending and not job.closed]
        limited = {job: limit for job in running if (limit := memory_limit.bound_of(job))}
        references = {job.record.reference for job in limited}
        self._killed &= references
        self._kills = {name: kills for name, kills in self._kills.items() if name in references}
        in_cgroups = {job: limit for job, limit in limited.items() if _has_cgroup(job)}
        if len(in_cgroups) < len(limited):
            self.table.read()
        for job, limit in limited.items():
            if job in in_cgroups:
                self._check_cgroup(job, limit)
            else:
                self._check(job, limit)

    def _check(self, job: LocalJob, limit: int) -> None:
        used = process_table.memory(self.table.select(job.process_selector), limit * MEGABYTE)
        job.seen_memory = max(used, job.seen_memory)
        if used <= limit * MEGABYTE:
            return
        log.warning("%s: killed, it uses %d MB and its limit is %d MB", job.title, used // MEGABYTE, limit)
        excess.note(job, memory_limit.reason(limit))
        self._kill(job)

    def _check_cgroup(self, job: LocalJob, limit: int) -> None:
        """Kill the rest of a job of which the kernel has killed a process."""
        cgroups, reference = job.scripts.cgroups, job.record.reference
        try:
            cgroups.set_limit(reference, limit)
        except OSError as error:
            log.warning("%s: cannot set its memory limit to %d MB: %s", job.title, limit, error)
        kills = cgroups.kills(reference)
        if kills > self._kills.get(reference, 0):
            self._kills[reference] = kills
            memory_limit.note_kills(job)
            self.table.read()
            self._kill(job)

    def _kill(self, job: LocalJob) -> None:
        excess.kill(job, self.table, spares_run_script=job.record.reference not in self._killed)
        self._killed.add(job.record.reference)


def _has_cgroup(job: LocalJob) -> bool:
    return job.scripts.cgroups.has(job.record.reference)
