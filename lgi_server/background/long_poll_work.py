"""Long polls of resources, which wait for jobs to take or to abort.

A queued job wakes one waiting resource that may take it: the least loaded, and among equals the one that has
waited longest. It takes no more jobs than its share, as many as each of those that wait for such jobs. If the
job is still queued a second later it wakes two more, then four, so that a thousand resources do not all ask
for one job. A job to be aborted wakes every resource that has it.

Workers, and servers on the same database, do this independently, but for the numbers in `WaitingResources`: a
resource that is woken in vain waits again.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lgi_protocol import comma_lists, states
from lgi_protocol.backoff import Backoff
from lgi_protocol.states import State
from lgi_server.background.long_poll import MOST_EACH, LongPollHub, Wake
from lgi_server.background.notices import JobNotice
from lgi_server.background.waiting_resources import WaitingResources
from lgi_server.db.pool import Database
from lgi_server.db.transaction import Transaction
from lgi_server.services.jobs import licences
from lgi_server.services.jobs.licences import Amounts, LicencePool
from lgi_server.services.jobs.live_output import INTEREST
from lgi_server.tables import licence_wishes as licence_table
from lgi_server.tables.job_queue import pending_work
from lgi_server.tables.job_queue.pending_work import WATCHED, PendingJob

__all__ = ["MOST_EACH", "WorkLongPolls", "WorkSubscription"]
# Seconds until more resources are woken for a job that none has taken.
BACKOFF = Backoff(1.0, longest=60.0)
# A new job is left so long to a less loaded resource that waits in another worker.
LEAVE_SECONDS = 0.05


@dataclass(frozen=True)
class WorkSubscription:
    """What a resource waits for: jobs of these applications that it does not know yet.

    ``queued`` and ``aborting`` are the jobs that it knows in these states. ``load`` is how full it is, in
    percent: resources with less load are woken first. ``watched`` are the jobs whose output it sends already,
    None if it cannot send output. One that is drained is not woken for queued jobs.
    """

    resource: str
    applications: frozenset[str]
    queued: frozenset[int] = frozenset()
    aborting: frozenset[int] = frozenset()
    load: int = 0
    watched: frozenset[int] | None = None
    is_drained: bool = False

    @property
    def caller(self) -> str:
        """The resource."""
        return self.resource

    @property
    def takes_jobs(self) -> bool:
        """Whether the resource waits for new jobs, not only for what becomes of those that it has."""
        return bool(self.applications) and not self.is_drained

    def concerns(self, notice: JobNotice) -> bool:
        """Return whether a changed job may be one that the resource waits for."""
        return notice.state in {State.QUEUED, State.ABORTING} and notice.application in self.applications

    def matches(self, job: PendingJob) -> bool:
        """Return whether a job is one that the resource waits for."""
        if job.state == WATCHED:
            is_new = self.watched is not None and job.job_id not in self.watched
            return is_new and self.resource in job.target_resources
        if job.application not in self.applications:
            return False
        if job.state == State.ABORTING:
            return job.job_id not in self.aborting and self.resource in job.target_resources
        return (
            not self.is_drained
            and job.job_id not in self.queued
            and comma_lists.contains_any(job.target_resources, [self.resource])
        )


@dataclass(frozen=True)
class ExchangeSubscription(WorkSubscription):
    """What a daemon waits for in an exchange: new jobs, and changes and observers of those in ``held``.

    ``missing`` are the applications it wants jobs of; ``applications`` also has those of the held jobs. One
    without ``has_gpus`` waits for no job that needs GPUs.
    """

    missing: frozenset[str] = frozenset()
    held: frozenset[int] = frozenset()
    has_gpus: bool = False

    @property
    def takes_jobs(self) -> bool:
        """Whether the daemon waits for new jobs."""
        return bool(self.missing) and not self.is_drained

    def concerns(self, notice: JobNotice) -> bool:
        """Return whether a changed job may be one that the daemon waits for."""
        if notice.state == State.QUEUED:
            return notice.application in self.missing
        return notice.state == State.ABORTING and notice.job_id in self.held

    def matches(self, job: PendingJob) -> bool:
        """Return whether a job is one that the daemon waits for."""
        if job.state == State.QUEUED:
            is_known = job.application in self.missing and (self.has_gpus or not job.needs_gpus)
        else:
            is_known = job.job_id in self.held
        return is_known and super().matches(job)


def find_work(
    transaction: Transaction,
    applications: Sequence[str],
    resources: Sequence[str],
    sends: bool,
    totals: Amounts,
) -> list[PendingJob]:
    """Return the jobs that some resources may take or have to abort; with ``sends`` watched jobs too.

    Jobs whose requests for licences cannot be granted now are left out.
    """
    watched = pending_work.find_watched(transaction, int(time.time()) - INTEREST) if sends else []
    if not totals or not applications:
        return watched + pending_work.find_pending(transaction, applications, resources)
    pool = LicencePool(totals, licence_table.held(transaction))
    requests = licence_table.requests_of(transaction, applications)
    granted = {application: tuple(licences.grantable(pool, texts)) for application, texts in requests.items()}
    return watched + pending_work.find_pending(transaction, applications, resources, granted)


def _never_gone() -> bool:
    return False


@dataclass(frozen=True)
class _Notification:
    """How often resources were woken for a job, and from when on more may be, in seconds of the clock."""

    times: int
    next_time: float


class WorkLongPolls:
    """The waiting resources of one worker in one project."""

    def __init__(
        self,
        database: Database,
        clock: Callable[[], float] = time.monotonic,
        totals: Amounts | None = None,
        resources: "WaitingResources[WorkSubscription] | None" = None,
    ) -> None:
        """Create the hub; no thread runs before a call waits.

        ``clock`` is in seconds, ``totals`` are the licences of the project. ``resources`` knows those that
        wait in other workers.
        """
        self.resources = resources or WaitingResources[WorkSubscription]()
        self._database = database
        self._totals = totals or {}
        self._clock = clock
        self._waiters: LongPollHub[WorkSubscription] = LongPollHub(lambda: self.notify(self._jobs()))
        self._notifications: dict[tuple[int, str], _Notification] = {}

    def __len__(self) -> int:
        return len(self._waiters)

    def wait(
        self, subscription: WorkSubscription, seconds: float, has_gone: Callable[[], bool] = _never_gone
    ) -> Wake | None:
        """Wait for work as `LongPollHub.wait` does; LGIError BACK_OFF for too many waiting calls."""
        if subscription.takes_jobs:
            self.resources.ask(subscription, subscription.load)
        return self._waiters.wait(subscription, seconds, has_gone)

    def answered(self, subscription: WorkSubscription) -> None:
        """Record that a call that has waited is answered: it takes no more jobs."""
        self.resources.answered(subscription)

    def share_beside_others(self, resource: str) -> int | None:
        """Return how many jobs a call that did not wait may take: None for any number.

        One, while others that were woken for jobs are about to take their shares.
        """
        is_shared = any(one.resource != resource for one in self.resources.woken)
        is_shared = is_shared or self.resources.elsewhere().woken > 0
        return 1 if is_shared else None

    def changed(self, notices: Sequence[JobNotice]) -> None:
        """Query soon when one of these jobs may be waited for, or may have left licences to others."""
        has_left = bool(self._totals) and any(states.has_ended(one.state) for one in notices)
        if has_left or any(waiter.subscription.concerns(one) for waiter in self._waiters for one in notices):
            self._waiters.hasten()

    def end(self) -> None:
        """End all waits: the worker stops."""
        self._waiters.end()

    def _jobs(self) -> list[PendingJob]:
        subscriptions = [waiter.subscription for waiter in self._waiters]
        applications = sorted({name for one in subscriptions for name in one.applications})
        resources = sorted({one.resource for one in subscriptions})
        sends = any(one.watched is not None for one in subscriptions)

        def work(transaction: Transaction) -> list[PendingJob]:
            return find_work(transaction, applications, resources, sends, self._totals)

        return self._database.run(work, write=False)

    def notify(self, jobs: Sequence[PendingJob]) -> None:
        """Wake resources for these jobs, which are all that are pending now."""
        now = self._clock()
        notifications: dict[tuple[int, str], _Notification] = {}
        for job in jobs:
            last = self._notifications.get((job.job_id, job.state))
            if last is None and self._is_for_others(job):
                last = _Notification(0, now + LEAVE_SECONDS)
            elif last is None or now >= last.next_time:
                times = last.times if last else 0
                self._wake(job, 2**times, jobs)
                last = _Notification(times + 1, now + BACKOFF.next_delay(times))
            notifications[job.job_id, job.state] = last
        self._notifications = notifications

    def _is_for_others(self, job: PendingJob) -> bool:
        """Return whether a resource that is less loaded than all here waits in another worker for a new job.

        It may not be one for this job: then the job is for those here a moment later.
        """
        others = self.resources.elsewhere()
        if job.state != State.QUEUED or not others.number:
            return False
        here = [waiter.subscription.load for waiter in self._waiters if waiter.subscription.matches(job)]
        return bool(here) and others.load < min(here)

    def _wake(self, job: PendingJob, most: int, jobs: Sequence[PendingJob]) -> None:
        """Wake at most so many resources for a job, or all that it concerns when it is not queued."""
        if job.state != State.QUEUED:
            most = len(self._waiters)
        for waiter in sorted(self._waiters, key=lambda waiter: waiter.subscription.load):
            if most and waiter.subscription.matches(job):
                most -= 1
                is_queued = job.state == State.QUEUED
                share = self._share(waiter.subscription, job, jobs) if is_queued else None
                self.resources.woke(waiter.subscription)
                self._waiters.wake(waiter, Wake(share))

    def _share(self, subscription: WorkSubscription, job: PendingJob, jobs: Sequence[PendingJob]) -> int:
        """Return how many jobs a resource is to take, as many as each of those that ask for such jobs."""
        number = sum(one.state == State.QUEUED and subscription.matches(one) for one in jobs)
        here = sum(one.matches(job) for one in self.resources.callers)
        asking = max(1, here) + self.resources.elsewhere().number
        return max(1, math.ceil(number / asking))
