"""What resources were told of jobs that their waiting exchanges do not name.

The next exchange of a daemon names such a job if it is its own. Of two daemons with one certificate only one
has it, and a daemon that was set up anew has none of its earlier jobs: that would end each of their waits.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from lgi_server.background.work_subscription import WorkSubscription
from lgi_server.tables.job_queue.pending_work import PendingJob

# A resource is told so often of a job, as its next exchange may be made up before its daemon has the job.
MOST_TIMES = 3
# Seconds between the first and the second time; then twice as many.
AGAIN_SECONDS = 1.0
# News that were not pending for so many seconds are forgotten: they are pending only while a resource waits.
KEPT_SECONDS = 300.0

_News = tuple[object, ...]


@dataclass
class _Told:
    times: int
    again_at: float
    pending_at: float


class UnnamedNews:
    """The news of jobs by which waits of resources have ended that did not name them."""

    def __init__(self) -> None:
        """Begin with nothing told."""
        self._told: dict[_News, dict[str, _Told]] = {}

    def pending(self, news: Iterable[_News], now: float) -> None:
        """Record what is pending at a time, and forget what is not any more."""
        for one in self._told.keys() & set(news):
            for told in self._told[one].values():
                told.pending_at = now
        self._told = {one: dict(self._recent(one, now)) for one in self._told if any(self._recent(one, now))}

    def _recent(self, news: _News, now: float) -> Iterator[tuple[str, _Told]]:
        return (item for item in self._told[news].items() if now < item[1].pending_at + KEPT_SECONDS)

    def may_tell(self, subscription: WorkSubscription, job: PendingJob, now: float) -> bool:
        """Return whether a call waits for a job, and was not ended for it lately without naming it."""
        if not subscription.matches(job):
            return False
        told = self._told.get(job.key, {}).get(subscription.resource)
        is_due = told is None or (told.times < MOST_TIMES and now >= told.again_at)
        return is_due or subscription.names(job)

    def tell(self, subscriptions: Iterable[WorkSubscription], job: PendingJob, now: float) -> None:
        """Record that calls are ended for a job, as far as they do not name it."""
        for resource in {one.resource for one in subscriptions if not one.names(job)}:
            before = self._told.setdefault(job.key, {}).get(resource)
            times = before.times if before else 0
            self._told[job.key][resource] = _Told(times + 1, now + AGAIN_SECONDS * 2**times, now)
