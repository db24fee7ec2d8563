"""Retries: a job that fails is queued again, in place of ending, as often as its user has allowed.

It is held for a while before the next try. Each try is kept, with the end of its output. After the last one
the job ends as that has ended.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from lgi_protocol import comma_lists, retry_rule
from lgi_protocol.daemon_reference import without_reference
from lgi_protocol.job_end import NO_END, Result
from lgi_protocol.states import State
from lgi_server.db.transaction import Transaction
from lgi_server.services.jobs import exclusions, history, holds
from lgi_server.services.jobs.exclusions import Failure
from lgi_server.services.jobs.submit_request import JobPlan
from lgi_server.tables import event_queue, job_exclusions, job_holds, job_retries
from lgi_server.tables.job_holds import Hold
from lgi_server.tables.job_queue.jobs import JobRow
from lgi_server.tables.job_retries import RetryPolicy, Try

# Bytes at the end of a try's output that are kept.
KEPT = 1024


@dataclass(frozen=True)
class Retry:
    """A failed job as it is queued again, why, until when it is held, in seconds, and where it has failed."""

    job: JobRow
    why: str
    until: int
    resource: str = ""


def after(
    transaction: Transaction, old: JobRow, ended: JobRow, now: int, *, is_lost: bool = False
) -> Retry | None:
    """Return how a job is queued again that was ``old`` and has ended now; None if it has no further try.

    A job that its user has aborted has none. This transaction has locked the row of the job; nothing is read
    for one without retries.
    """
    if ended.tried >= ended.retries or old.state in {State.ABORTING, State.QUEUED}:
        return None
    if ended.end.result(ended.state) is not Result.FAILED:
        return None
    policy = job_retries.find(transaction, ended.job_id)
    if policy is None or not retry_rule.read_rule(policy.retry_on).matches(ended.end, is_lost):
        return None
    wait = min(retry_rule.MOST_BACKOFF, policy.backoff * 2**ended.tried)
    number, most = ended.tried + 1, ended.retries + 1
    how = ended.end.text(ended.state)
    job_retries.record(transaction, _try_of(old, ended, number))
    queued = replace(
        ended,
        state=State.QUEUED.value,
        target_resources=history.first_targets(transaction, old),
        input=old.input,
        output=old.output,
        job_specifics=without_reference(old.job_specifics),
        end=NO_END,
        started=None,
        tried=number,
    )
    why = f"try {number} of {most}: {how}; the next in {wait} s"
    return Retry(queued, why, now + wait, comma_lists.join(old.target_resources))


def _try_of(old: JobRow, ended: JobRow, number: int) -> Try:
    end = ended.end
    resource = comma_lists.join(old.target_resources)
    return Try(
        ended.job_id,
        number,
        old.started,
        ended.state_time_stamp,
        ended.state,
        end.exit_code,
        end.exit_signal,
        end.reason,
        resource,
        ended.output[-KEPT:],
        end.usage,
    )


def wait(transaction: Transaction, retries: Sequence[Retry], now: int, *, is_locked: bool = False) -> None:
    """Hold jobs, which are stored as queued, until their next try; ``is_locked``: by a session.

    Then the resource on which each has failed comes last for it.
    """
    failed = [(Failure(one.job, one.resource), one.until) for one in retries]
    exclusions.pass_over(transaction, failed, now)
    later = [one for one in retries if one.until > now]
    if not later:
        return
    new = [
        Hold(one.job.job_id, job_holds.RETRY, now, one.until, "", one.why[: job_holds.MOST_TEXT])
        for one in later
    ]
    if is_locked:
        job_holds.insert(transaction, new)
    else:
        holds.hold(transaction, [(one.job, None) for one in later], new)
    for until in sorted({one.until for one in later}):
        event_queue.release_holds(transaction, until)


def store(transaction: Transaction, plans: Sequence[tuple[int, JobPlan]]) -> None:
    """Store when new jobs, by their numbers, are tried again."""
    new = [RetryPolicy(job_id, plan.retry_on, plan.backoff) for job_id, plan in plans if plan.retries]
    if new:
        job_retries.insert(transaction, new)


def plan_of(transaction: Transaction, job: JobRow) -> JobPlan:
    """Return the plan of a job like this one: when it is tried again, and where it is not to run."""
    policy = job_retries.find(transaction, job.job_id) if job.retries else None
    plan = JobPlan(not_on=job_exclusions.known_of(transaction, job.job_id))
    if policy is None:
        return plan
    return replace(plan, retries=job.retries, retry_on=policy.retry_on, backoff=policy.backoff)
