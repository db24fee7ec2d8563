"""Enforces ``job_max_disk``, and notices jobs that run while the disk is full."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from lgi_daemon.execution.bounds import MEGABYTE
from lgi_daemon.execution.process_table import ProcessTable
from lgi_daemon.execution.scripts import NoAnswerError
from lgi_daemon.execution.uid_cleanup import PUBLIC
from lgi_daemon.files.disk_usage import MAX_DEPTH, DiskUsage, TooDeepError
from lgi_daemon.jobs import excess
from lgi_daemon.jobs.action_scripts import run_script
from lgi_daemon.jobs.job import LocalJob
from lgi_daemon.jobs.job_table import JobTable
from lgi_daemon.jobs.lifecycle import Action
from lgi_daemon.jobs.worker_pool import KeyedWorkerPool
from lgi_daemon.servers.clock import Clock

log = logging.getLogger(__name__)

FULL_SECONDS = 1.0
# The files of a job are counted that often, and seldom enough to take a twentieth of one core at most.
COUNT_SECONDS, PAUSE_FACTOR = 5.0, 20.0


@dataclass
class DiskWatch:
    """Looks at the disk every second, and counts the files of running jobs that have a bound."""

    jobs: JobTable
    clock: Clock
    workers: KeyedWorkerPool
    stopping: Callable[[], bool] = lambda: False
    due_at: float = 0.0
    _count_at: dict[str, float] = field(default_factory=dict)
    # Killed once already: if they go on, their run scripts are killed too, and they are aborted.
    _killed: set[str] = field(default_factory=set)

    def tick(self) -> None:
        """Give the counts that are due to the workers."""
        if self.clock.now < self.due_at:
            return
        self.due_at = self.clock.now + FULL_SECONDS
        running = [job for job in self.jobs if job.record.run and not job.record.ending and not job.closed]
        if running and running[0].run.is_full():
            for job in running:
                job.disk_was_full = True
        bounded = {job.record.reference: job for job in running if job.record.bounds.disk}
        self._killed &= bounded.keys()
        self._count_at = {name: at for name, at in self._count_at.items() if name in bounded}
        for reference, job in bounded.items():
            if self.clock.now >= self._count_at.get(reference, 0.0):
                self.workers.submit(reference, partial(self._count, job))
        self.workers.run_inline()

    def _count(self, job: LocalJob) -> None:
        began = time.monotonic()
        bound = job.record.bounds.disk
        usage = DiskUsage(bound * MEGABYTE, self.stopping)
        reason = ""
        try:
            usage.add(job.run.files(job.record).path)
            if job.record.has_state_directory:
                usage.add(job.run.state(job.record))
            if job.process_selector.owns_uid:
                usage.add_owned(PUBLIC, job.record.uid)
        except TooDeepError:
            reason = (
                f"its directories are nested more than {MAX_DEPTH} deep, so that its files cannot be counted"
            )
        if usage.is_over:
            reason = f"it stored more than {bound} MB"
        pause = max(COUNT_SECONDS, PAUSE_FACTOR * (time.monotonic() - began))
        self._count_at[job.record.reference] = self.clock.now + pause
        if reason and not self.stopping():
            self._end(job, reason)

    def _end(self, job: LocalJob, reason: str) -> None:
        is_first = job.record.reference not in self._killed
        self._killed.add(job.record.reference)
        log.warning("%s: killed: %s", job.title, reason)
        excess.note(job, reason)
        table = ProcessTable()
        table.read()
        excess.kill(job, table, spares_run_script=is_first)
        if not is_first and job.lock.acquire(blocking=False):
            # A batch system may run it elsewhere.
            try:
                run_script(job, Action.ABORT)
            except NoAnswerError as error:
                log.warning("%s: %s", job.title, error)
            finally:
                job.lock.release()
