"""Resources that wait for something to do, instead of asking again and again.

A job that anybody may take wakes one waiter, the least loaded, and of several such the one that has waited
longest; when nobody has taken it a second later two more, then four, so that a thousand resources do not run
for one job. A job to be aborted wakes those who have it.

Several workers, or several servers on one database, each look for themselves and need not know of each other:
a waiter woken in vain waits again.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from lgi_protocol import comma_lists
from lgi_protocol.states import State
from lgi_server.background.long_poll import MOST_EACH, LongPollHub
from lgi_server.db.pool import Database
from lgi_server.db.transaction import Transaction
from lgi_server.services.jobs import licences
from lgi_server.services.jobs.licences import Amounts, LicencePool
from lgi_server.services.jobs.live_output import INTEREST
from lgi_server.tables import licence_wishes as licence_table
from lgi_server.tables.job_queue import pending_work
from lgi_server.tables.job_queue.pending_work import WATCHED, PendingJob

__all__ = ["MOST_EACH", "WorkLongPolls", "WorkSubscription"]
# Nobody needs to be told again so soon of a job that was not taken; each time it is twice as long.
AGAIN_SECONDS, LONGEST_AGAIN = 1.0, 60.0


@dataclass(frozen=True)
class WorkSubscription:
    """What a resource waits for: jobs of applications for it, except those it knows of already.

    It may know that a job is ``queued`` and have to be told that it is ``aborting``. ``load`` is how full it
    says it is: the emptier go first. ``watched`` are the jobs whose output it sends already; None when it is
    one that sends none.
    """

    resource: str
    applications: frozenset[str]
    queued: frozenset[int] = frozenset()
    aborting: frozenset[int] = frozenset()
    load: int = 0
    watched: frozenset[int] | None = None

    @property
    def caller(self) -> str:
        """The resource."""
        return self.resource

    def is_met_by(self, job: PendingJob) -> bool:
        """Return whether the resource would want to be told of a job."""
        if job.state == WATCHED:
            is_news = self.watched is not None and job.job_id not in self.watched
            return is_news and self.resource in job.target_resources
        if job.application not in self.applications:
            return False
        if job.state == State.ABORTING:
            return job.job_id not in self.aborting and self.resource in job.target_resources
        return job.job_id not in self.queued and comma_lists.contains_any(
            job.target_resources, [self.resource]
        )


def look(
    transaction: Transaction,
    applications: Sequence[str],
    resources: Sequence[str],
    sends: bool,
    totals: Amounts,
) -> list[PendingJob]:
    """Return all there is to tell some resources of; with ``sends`` the jobs too that somebody looks at.

    Of jobs that want licences only those that can have them now.
    """
    watched = pending_work.find_watched(transaction, int(time.time()) - INTEREST) if sends else []
    if not totals or not applications:
        return watched + pending_work.find_pending(transaction, applications, resources)
    stock = LicencePool(totals, licence_table.held(transaction))
    wanted = licence_table.wanted(transaction, applications)
    wishes = {application: tuple(licences.grantable(stock, texts)) for application, texts in wanted.items()}
    return watched + pending_work.find_pending(transaction, applications, resources, wishes)


def _present() -> bool:
    return False


@dataclass
class _Told:
    """How many waiters were woken for a job, and when more of them may be."""

    waiters: int
    again: float
    pause: float


class WorkLongPolls:
    """The waiters of one worker in one project."""

    def __init__(
        self,
        database: Database,
        clock: Callable[[], float] = time.monotonic,
        totals: Amounts | None = None,
    ) -> None:
        """Nothing runs before somebody waits; ``clock`` is in seconds; ``totals`` are its licences."""
        self._database = database
        self._totals = totals or {}
        self._clock = clock
        self._waiters: LongPollHub[WorkSubscription] = LongPollHub(lambda: self.tell(self._jobs()))
        self._told: dict[tuple[int, str], _Told] = {}

    def __len__(self) -> int:
        return len(self._waiters)

    def wait(self, wish: WorkSubscription, seconds: float, has_gone: Callable[[], bool] = _present) -> bool:
        """Return when there may be something for a wish, at the latest after so many seconds: whether so.

        Also when the waiter ``has_gone``. LGIError BACK_OFF when its resource has too many waiters already.
        """
        return self._waiters.wait(wish, seconds, has_gone)

    def end(self) -> None:
        """Let everybody go: the worker is to end."""
        self._waiters.end()

    def _jobs(self) -> list[PendingJob]:
        applications = sorted({name for waiter in self._waiters for name in waiter.wish.applications})
        resources = sorted({waiter.wish.resource for waiter in self._waiters})
        sends = any(waiter.wish.watched is not None for waiter in self._waiters)

        def work(transaction: Transaction) -> list[PendingJob]:
            return look(transaction, applications, resources, sends, self._totals)

        return self._database.run(work, write=False)

    def tell(self, jobs: Iterable[PendingJob]) -> None:
        """Wake whoever is due to hear of these jobs, which are all there are."""
        now = self._clock()
        there: dict[tuple[int, str], _Told] = {}
        for job in jobs:
            told = self._told.get((job.job_id, job.state))
            if told is None or now >= told.again:
                told = self._tell_of(job, told, now)
            there[job.job_id, job.state] = told
        self._told = there

    def _tell_of(self, job: PendingJob, told: _Told | None, now: float) -> _Told:
        number = 1 if told is None else 2 * told.waiters
        pause = AGAIN_SECONDS if told is None else min(2 * told.pause, LONGEST_AGAIN)
        if job.state != State.QUEUED:
            number = len(self._waiters)
        for waiter in sorted(self._waiters, key=lambda waiter: waiter.wish.load):
            if number and waiter.wish.is_met_by(job):
                number -= 1
                self._waiters.wake(waiter)
        return _Told(1 if told is None else 2 * told.waiters, now + pause, pause)
