"""The jobs of this resource, and which worker does what is due for them.

Invariants:

* A job is worked on by the worker that has its ``lock``, and by no other. No worker waits for the lock: one
  that does not get it leaves the job for the next time.
* A local check runs scripts of the job and calls no server; a server sync calls one server and runs no
  script. There is one sync at a time per server, so a slow server costs one worker and delays no other.
* One thread, the one that ticks, dispatches work and drops removed jobs. Jobs are added by the workers that
  claim them, which hold their locks until the server has answered the claim.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import partial

from lgi_daemon.jobs.job import LocalJob
from lgi_daemon.jobs.local_check import LocalCheck
from lgi_daemon.jobs.server_sync import ServerSync
from lgi_daemon.jobs.worker_pool import KeyedWorkerPool
from lgi_daemon.rundir.record import Phase

# In one sync; then a job that has ended meanwhile is served first.
MAX_JOBS_PER_SYNC = 50


class JobTable:
    """All jobs on this resource. They are checked often, and their servers polled once per fast cycle."""

    def __init__(
        self,
        *,
        fast: float,
        local_check: LocalCheck,
        server_sync: ServerSync,
        script_workers: KeyedWorkerPool,
        server_workers: KeyedWorkerPool,
    ) -> None:
        """Take ``fast`` in seconds, and the workers that run scripts and that call servers."""
        self.clock = local_check.clock
        self.fast = fast
        self._local_check = local_check
        self._server_sync = server_sync
        self._script_workers = script_workers
        self._server_workers = server_workers
        self._jobs: dict[str, LocalJob] = {}
        # Called when a job was added that can be started.
        self.wake: Callable[[], None] = lambda: None
        # Makes an exchange with project and server, if the server takes any; returns whether it does.
        self.exchange: Callable[[str, str], bool] = lambda _project, _server: False

    def __iter__(self) -> Iterator[LocalJob]:
        """Iterate over the jobs of this moment."""
        return iter(list(self._jobs.values()))

    def __len__(self) -> int:
        """Return the number of jobs."""
        return len(self._jobs)

    def __contains__(self, reference: object) -> bool:
        """Return whether there is a job of a reference."""
        return reference in self._jobs

    def add(self, job: LocalJob, is_polled: bool = False) -> None:
        """Add a job; it is checked and polled from now on.

        One that ``is_polled`` is as its server wants it just now: its check, which starts it, does not wait.
        """
        job.schedule.added(self.clock.now, self.fast)
        if is_polled:
            job.schedule.polled(self.clock.now)
        self._jobs[job.record.reference] = job
        if is_polled:
            self.wake()

    def remove(self, job: LocalJob) -> None:
        """Drop a job from the table."""
        self._jobs.pop(job.record.reference, None)

    def exchange_by(
        self, exchange: Callable[[str, str], bool], before_end: Callable[[LocalJob], None]
    ) -> None:
        """Use exchanges: ``exchange`` makes one; ``before_end`` is called before the epilogue of a job."""
        self.exchange = exchange
        self._local_check.before_end = before_end

    def recheck_all(self) -> None:
        """Make a check and a poll of every job due now."""
        for job in self:
            job.schedule.reconfigured(self.clock.now)

    def dispatch_due(self) -> int:
        """Give what is due now to the workers; return how many jobs were removed since the last time."""
        removed = 0
        syncs: dict[str, list[LocalJob]] = defaultdict(list)
        exchanged: dict[tuple[str, str], bool] = {}
        for job in self:
            if job.removed:
                self.remove(job)
                removed += 1
                continue
            sync_due = self._server_sync.due(job)
            if sync_due and not self._is_exchanged(job, exchanged):
                syncs[job.record.server].append(job)
            is_polled = job.schedule.poll_due(self.clock.now) and job.schedule.awaits_poll(self.clock.now)
            # The worker that has its lock wakes the daemon when it has done.
            is_free = not job.lock.locked() and not (sync_due and is_polled)
            if is_free and self._local_check.due(job):
                self._script_workers.submit(job.record.reference, partial(self._local_check.check, job))
        for server, jobs in syncs.items():
            # Reports first: a user waits for them, and they free slots.
            jobs.sort(key=lambda job: not job.awaits_report)
            task = partial(self._server_sync.sync, jobs[:MAX_JOBS_PER_SYNC])
            self._server_workers.submit(("jobs", server), task)
        return removed

    def _is_exchanged(self, job: LocalJob, exchanged: dict[tuple[str, str], bool]) -> bool:
        """Return whether exchanges serve a job, and start one, once in a dispatch; not for a claim."""
        if job.record.phase is Phase.CLAIMING:
            return False
        place = job.record.project, job.record.server
        if place not in exchanged:
            exchanged[place] = self.exchange(*place)
        return exchanged[place]
