"""The order that users give their queued jobs: among the jobs of one user, and of nobody else."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial

from lgi_server.db.transaction import Transaction
from lgi_server.services.access.principals import UserPrincipal
from lgi_server.services.jobs import event_log, history, queued_jobs
from lgi_server.services.jobs.queued_jobs import Outcome
from lgi_server.tables import event_queue
from lgi_server.tables.job_queue import priorities
from lgi_server.tables.job_queue.jobs import JobRow

# The last second that a date can have.
_LAST = 253_402_300_799


@dataclass(frozen=True)
class OrderChange:
    """What changes, None for what stays; a ``deadline`` is in seconds since 1970, 0 for none."""

    priority: int | None = None
    deadline: int | None = None

    @property
    def text(self) -> str:
        """The change in words, for the history."""
        parts = [] if self.priority is None else [f"priority {self.priority}"]
        if self.deadline:
            parts.append(
                f"deadline {datetime.fromtimestamp(min(self.deadline, _LAST), UTC):%Y-%m-%d %H:%M UTC}"
            )
        elif self.deadline is not None:
            parts.append("no deadline")
        return ", ".join(parts)

    def of(self, job: JobRow) -> JobRow:
        """Return the job with this change."""
        priority = job.user_priority if self.priority is None else self.priority
        deadline = job.deadline if self.deadline is None else self.deadline or None
        return replace(job, user_priority=priority, deadline=deadline)


def set_by_user(
    transaction: Transaction, user: UserPrincipal, job_ids: Sequence[int], change: OrderChange, now: int
) -> list[Outcome]:
    """Give queued jobs a priority or a deadline, and return each as it is then, or its LGIError.

    The scheduler orders the queue afterwards. Raises JobLockedError for a single job that is locked.
    """
    what = "given a deadline" if change.priority is None else "given a priority"
    rows, outcomes = queued_jobs.lock_queued(transaction, user, job_ids, what)
    changed = [(job, new) for job, _lock in rows if (new := change.of(job)) != job]
    by = f"user {user.name}"
    for job, new in changed:
        history.record_event(transaction, job, by, change.text, now)
        transaction.on_commit(partial(event_log.log_order, job, by, change.text))
        outcomes[job.job_id] = new
    if changed:
        _store(transaction, [job.job_id for job, _new in changed], change)
        event_queue.job_changed(transaction, now)
    return [outcomes[job_id] for job_id in job_ids]


def _store(transaction: Transaction, job_ids: Sequence[int], change: OrderChange) -> None:
    if change.priority is not None:
        priorities.set_user_priority(transaction, job_ids, change.priority)
    if change.deadline is not None:
        priorities.set_deadline(transaction, job_ids, change.deadline or None)
