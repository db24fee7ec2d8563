"""Priorities that users give their queued jobs: the order among the jobs of one user, and of nobody else."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from lgi_server.db.transaction import Transaction
from lgi_server.services.access.principals import UserPrincipal
from lgi_server.services.jobs import event_log, history, queued_jobs
from lgi_server.services.jobs.queued_jobs import Outcome
from lgi_server.tables import event_queue
from lgi_server.tables.job_queue import priorities


def set_by_user(
    transaction: Transaction, user: UserPrincipal, job_ids: Sequence[int], priority: int, now: int
) -> list[Outcome]:
    """Give queued jobs a priority, and return each as it is then, or its LGIError.

    The scheduler orders the queue afterwards. Raises JobLockedError for a single job that is locked.
    """
    rows, outcomes = queued_jobs.lock_queued(transaction, user, job_ids, "given a priority")
    changed = [job for job, _lock in rows if job.user_priority != priority]
    by = f"user {user.name}"
    for job in changed:
        history.record_event(transaction, job, by, f"priority {priority}", now)
        transaction.on_commit(partial(event_log.log_priority, job, by, priority))
        outcomes[job.job_id] = replace(job, user_priority=priority)
    if changed:
        priorities.set_user_priority(transaction, [job.job_id for job in changed], priority)
        event_queue.job_changed(transaction, now)
    return [outcomes[job_id] for job_id in job_ids]
