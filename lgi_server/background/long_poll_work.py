"""Long polls of resources, which wait for jobs to take or to abort.

A queued job wakes one waiting resource that may take it: the least loaded, and among equals the one that has
waited longest. It takes no more jobs than its share, as many as each of those that wait for such jobs. If the
job is still queued a second later it wakes two more, then four, so that a thousand resources do not all ask
for one job. One whose call waits again without the job leaves it to another at once, as some resources take
jobs of some owners only. Many waiting calls of a resource count as one: further ones come after all others. A
job to be aborted wakes every resource that has it.

Workers, and servers on the same database, do this independently, but for the numbers in `WaitingResources`: a
resource that is woken in vain waits again.
"""

import math
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from lgi_protocol import states
from lgi_protocol.backoff import Backoff
from lgi_protocol.states import State
from lgi_server.background.long_poll import MOST_EACH, LongPollHub, LongPollWaiter, Wake
from lgi_server.background.notices import JobNotice
from lgi_server.background.unnamed_news import UnnamedNews
from lgi_server.background.waiting_resources import WaitingResources
from lgi_server.background.work_subscription import CONCERNING, WorkSubscription
from lgi_server.db.pool import Database
from lgi_server.db.transaction import Transaction
from lgi_server.services.jobs import licences, project_limits
from lgi_server.services.jobs.licences import Amounts, LicencePool
from lgi_server.services.jobs.live_output import INTEREST
from lgi_server.tables import licence_wishes as licence_table
from lgi_server.tables.job_queue import pending_work
from lgi_server.tables.job_queue.pending_work import PendingJob, Sought

__all__ = ["MOST_EACH", "WorkLongPolls"]
# Seconds until more resources are woken for a job that none has taken.
BACKOFF = Backoff(1.0, longest=60.0)
# A new job is left so long to a less loaded resource that waits in another worker.
LEAVE_SECONDS = 0.05
# Resources that are woken for a job without a delay, each after the one before it has not taken the job.
MOST_NEXT = 4


def find_work(
    transaction: Transaction,
    applications: Sequence[str],
    resources: Sequence[str],
    sends: bool,
    totals: Amounts,
    *,
    most_running: int = 0,
    new: Sought | None = None,
) -> list[PendingJob]:
    """Return the jobs that some resources may take or have to abort; with ``sends`` watched jobs too.

    ``new`` says where jobs to take are searched, by default for all of them. Jobs whose requests for licences
    cannot be granted now are left out, and all queued ones while the project runs ``most_running`` jobs, 0
    for any number.
    """
    watched = pending_work.find_watched(transaction, int(time.time()) - INTEREST) if sends else []
    if applications and project_limits.is_full(transaction, most_running):
        return watched + pending_work.find_pending(transaction, applications, resources, new=Sought())
    if not totals or not applications:
        return watched + pending_work.find_pending(transaction, applications, resources, new=new)
    pool = LicencePool(totals, licence_table.held(transaction))
    requests = licence_table.requests_of(transaction, applications)
    granted = {application: tuple(licences.grantable(pool, texts)) for application, texts in requests.items()}
    return watched + pending_work.find_pending(transaction, applications, resources, granted, new=new)


def _never_gone() -> bool:
    return False


_Waiter = LongPollWaiter[WorkSubscription]
_JobKey = tuple[object, ...]


@dataclass(frozen=True)
class _Notification:
    """How often resources were woken for a job, and from when on more may be, in seconds of the clock.

    ``woken`` are these resources. ``is_refused`` says that one has come back without the job, and no other
    was woken instead; that has been done ``nexts`` times.
    """

    times: int
    next_time: float
    woken: frozenset[str] = frozenset()
    is_refused: bool = False
    nexts: int = 0


class WorkLongPolls:
    """The waiting resources of one worker in one project."""

    def __init__(
        self,
        database: Database,
        clock: Callable[[], float] = time.monotonic,
        totals: Amounts | None = None,
        resources: "WaitingResources[WorkSubscription] | None" = None,
        most_running: int = 0,
    ) -> None:
        """Create the hub; no thread runs before a call waits.

        ``clock`` is in seconds, ``totals`` are the licences of the project, ``most_running`` is its limit of
        jobs at once (0: none). ``resources`` knows those that wait in other workers.
        """
        self.resources = resources or WaitingResources[WorkSubscription]()
        self._database = database
        self._totals = totals or {}
        self._most_running = most_running
        self._clock = clock
        self._waiters: LongPollHub[WorkSubscription] = LongPollHub(lambda: self.notify(self._jobs()))
        self._notifications: dict[_JobKey, _Notification] = {}
        # The job that each call was woken for, by the identity of its subscription, until it is answered.
        self._offers: dict[int, _JobKey] = {}
        self._unnamed = UnnamedNews()

    def __len__(self) -> int:
        return len(self._waiters)

    def wait(
        self, subscription: WorkSubscription, seconds: float, has_gone: Callable[[], bool] = _never_gone
    ) -> Wake | None:
        """Wait for work as `LongPollHub.wait` does; LGIError BACK_OFF for too many waiting calls."""
        if subscription.takes_jobs:
            self._refused(subscription)
            self.resources.ask(subscription, subscription.load)
        return self._waiters.wait(subscription, seconds, has_gone)

    def answered(self, subscription: WorkSubscription) -> None:
        """Record that a call that has waited is answered: it takes no more jobs."""
        self._offers.pop(id(subscription), None)
        self.resources.answered(subscription)

    def _refused(self, subscription: WorkSubscription) -> None:
        """Query soon, to wake another for the job that a call was woken for, when it waits again without."""
        job = self._offers.pop(id(subscription), None)
        last = self._notifications.get(job) if job else None
        if job and last and last.nexts < MOST_NEXT:
            self._notifications[job] = replace(last, is_refused=True)
            self._waiters.hasten()

    def share_beside_others(self, resource: str) -> int | None:
        """Return how many jobs a call that did not wait may take: None for any number.

        One, while others that were woken for jobs are about to take their shares.
        """
        is_shared = any(one.resource != resource for one in self.resources.woken)
        is_shared = is_shared or self.resources.elsewhere().woken > 0
        return 1 if is_shared else None

    def changed(self, notices: Sequence[JobNotice]) -> None:
        """Query soon when one of these jobs may be waited for, or may have left a place to others."""
        is_limited = bool(self._totals or self._most_running)
        has_left = is_limited and any(states.has_ended(one.state) for one in notices)
        some = [one for one in notices if one.state in CONCERNING]
        if has_left or any(waiter.subscription.concerns(one) for waiter in self._waiters for one in some):
            self._waiters.hasten()

    def end(self) -> None:
        """End all waits: the worker stops."""
        self._waiters.end()

    def _jobs(self) -> list[PendingJob]:
        subscriptions = [waiter.subscription for waiter in self._waiters]
        applications = sorted({name for one in subscriptions for name in one.applications})
        resources = sorted({one.resource for one in subscriptions})
        taking = [one for one in subscriptions if one.takes_jobs]
        new = Sought(
            sorted({name for one in taking for name in one.open_applications}),
            sorted({one.resource for one in taking}),
        )

        def work(transaction: Transaction) -> list[PendingJob]:
            return find_work(
                transaction,
                applications,
                resources,
                any(one.observes for one in subscriptions),
                self._totals,
                most_running=self._most_running,
                new=new,
            )

        return self._database.run(work, write=False)

    def notify(self, jobs: Sequence[PendingJob]) -> None:
        """Wake resources for these jobs, which are all that are pending now."""
        keys = {job.key for job in jobs}
        self._notifications = {key: one for key, one in self._notifications.items() if key in keys}
        now = self._clock()
        self._unnamed.pending(keys, now)
        for job in jobs:
            last = self._notifications.get(job.key)
            if last is None and self._is_for_others(job):
                self._notifications[job.key] = _Notification(0, now + LEAVE_SECONDS)
            elif last is None or now >= last.next_time:
                self._wake_more(job, last or _Notification(0, now), jobs)
            elif last.is_refused:
                self._wake_next(job, last, jobs)

    def _wake_more(self, job: PendingJob, last: _Notification, jobs: Sequence[PendingJob]) -> None:
        """Wake twice as many resources as the last time for a job, or all that it concerns unless queued."""
        waiters = self._in_turn(job, last.woken)
        if job.state == State.QUEUED:
            waiters = waiters[: 2**last.times]
        next_time = self._clock() + BACKOFF.next_delay(last.times)
        self._wake(job, waiters, replace(last, times=last.times + 1, next_time=next_time), jobs)

    def _wake_next(self, job: PendingJob, last: _Notification, jobs: Sequence[PendingJob]) -> None:
        """Wake one resource that was not woken for a job, instead of one that has not taken it."""
        waiters = [one for one in self._in_turn(job, last.woken) if one.subscription.caller not in last.woken]
        self._wake(job, waiters[:1], replace(last, is_refused=False, nexts=last.nexts + 1), jobs)

    def _is_for_others(self, job: PendingJob) -> bool:
        """Return whether a resource that is less loaded than all here waits in another worker for a new job.

        It may not be one for this job: then the job is for those here a moment later.
        """
        others = self.resources.elsewhere()
        if job.state != State.QUEUED or not others.number:
            return False
        here = [waiter.subscription.load for waiter in self._waiters if waiter.subscription.matches(job)]
        return bool(here) and others.load < min(here)

    def _in_turn(self, job: PendingJob, woken: frozenset[str]) -> list[_Waiter]:
        """Return the waiters for a job in the order in which they are woken, first the least loaded.

        Those of resources that were ``woken`` for it are last, and the second call of a resource, waiting or
        woken, comes after the first of each other.
        """
        calls, now = Counter(one.caller for one in self.resources.woken), self._clock()
        ranked: list[tuple[tuple[bool, int, int], _Waiter]] = []
        matching = [one for one in self._waiters if self._unnamed.may_tell(one.subscription, job, now)]
        for waiter in sorted(matching, key=lambda one: one.subscription.load):
            caller = waiter.subscription.caller
            ranked.append(((caller in woken, calls[caller], waiter.subscription.load), waiter))
            calls[caller] += 1
        return [waiter for _, waiter in sorted(ranked, key=lambda one: one[0])]

    def _wake(
        self, job: PendingJob, waiters: Sequence[_Waiter], made: _Notification, jobs: Sequence[PendingJob]
    ) -> None:
        """Wake these for a job; what is stored about that is there before a call comes back."""
        key, is_queued = job.key, job.state == State.QUEUED
        callers = {waiter.subscription.caller for waiter in waiters}
        self._notifications[key] = replace(made, woken=made.woken | callers)
        self._unnamed.tell([waiter.subscription for waiter in waiters], job, self._clock())
        for waiter in waiters:
            share = self._share(waiter.subscription, job, jobs) if is_queued else None
            if is_queued:
                self._offers[id(waiter.subscription)] = key
            self.resources.woke(waiter.subscription)
            # One that does not name the job learns of it by its next exchange.
            self._waiters.wake(waiter, Wake(share, final=not waiter.subscription.names(job)))

    def _share(self, subscription: WorkSubscription, job: PendingJob, jobs: Sequence[PendingJob]) -> int:
        """Return how many jobs a resource is to take, as many as each of those that ask for such jobs."""
        number = sum(one.state == State.QUEUED and subscription.matches(one) for one in jobs)
        here = {one.caller for one in self.resources.callers if one.matches(job)}
        asking = max(1, len(here)) + self.resources.elsewhere().number
        return max(1, math.ceil(number / asking))
