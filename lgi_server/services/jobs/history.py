"""The history of jobs: when, from which state to which, by whom and why; also of deleted jobs.

Each change is recorded in its own transaction. The submit of a user's job is recorded with the first change,
from the row of the job, which has all of it until then.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from lgi_protocol import comma_lists
from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_protocol.states import State
from lgi_server.config.model import Config
from lgi_server.db.transaction import Transaction
from lgi_server.services.access.principals import UserPrincipal
from lgi_server.tables import job_history
from lgi_server.tables.job_history import StateChange
from lgi_server.tables.job_queue import jobs
from lgi_server.tables.job_queue.jobs import JobRow

SCHEDULER = "scheduler"
# The begin of the reason for which a job is queued again that its resource has not run.
GIVEN_BACK = "given back"
# Characters of the column.
_MOST_REASON = 255


def record_change(transaction: Transaction, old: JobRow, new: JobRow, by: str, why: str = "") -> None:
    """Record a change of a job's state; ``by`` is "user NAME", "resource NAME" or `SCHEDULER`.

    For another change of a queued job its submit is recorded, whose time the row no longer has then.
    """
    record_changes(transaction, [RecordedChange(old, new, by, why)])


def record_event(transaction: Transaction, job: JobRow, by: str, why: str, now: int) -> None:
    """Record what happened to a job, at ``now`` in seconds, that does not change its state."""
    # Changes within a second have later times, so that they can be told apart: this came behind them.
    when = max(now, job.state_time_stamp)
    event = _change(job.state, replace(job, state_time_stamp=when), by, why)
    job_history.record(transaction, _submit(job), event)


def record_note(transaction: Transaction, job_id: int, why: str, now: int) -> None:
    """Record what the scheduler has done for a job, which may be deleted, at ``now`` in seconds."""
    job = jobs.find_summary(transaction, job_id)
    if job is not None:
        record_event(transaction, job, SCHEDULER, why, now)
    elif changes := job_history.of_job(transaction, job_id):
        last = changes[-1]
        note = replace(last, change_time=now, old_state=last.new_state, changed_by=SCHEDULER)
        job_history.record_all(transaction, [replace(note, reason=why[:_MOST_REASON])])


@dataclass(frozen=True)
class RecordedChange:
    """A change of a job from ``old`` to ``new``, by whom and why."""

    old: JobRow
    new: JobRow
    by: str
    why: str = ""


def record_changes(transaction: Transaction, changes: Sequence[RecordedChange]) -> None:
    """Record changes of jobs, in their order, as `record_change` does, with at most two statements.

    The rows of the jobs must not have been changed yet: the submits are recorded from them.
    """
    submits = [_submit(one.old) for one in changes if _may_be_first(one)]
    recorded = [
        _change(one.old.state, one.new, one.by, one.why) for one in changes if one.new.state != one.old.state
    ]
    if len(submits) == 1 and len(recorded) < 2:
        job_history.record(transaction, submits[0], *recorded)
        return
    if submits:
        job_history.record_submits(transaction, submits)
    if recorded:
        job_history.record_all(transaction, recorded)


def _may_be_first(one: RecordedChange) -> bool:
    """Return whether a change may be the first one of its job, which was not started yet then."""
    changes = one.new.state != one.old.state or one.old.state == State.QUEUED
    return changes and one.old.started is None


def end_text(job: JobRow) -> str:
    """Return cause and reason of the end that a daemon has reported, empty for a job that has not ended."""
    return ": ".join(filter(None, (job.end.cause, job.end.reason))) if job.ended else ""


def record_submit(transaction: Transaction, job: JobRow, by: str) -> None:
    """Record the submit of a job; ``by`` is "resource NAME" or "job NUMBER"."""
    job_history.record(transaction, _change("", job, by, "submitted"))


def _submit(job: JobRow) -> StateChange:
    """Return the submit of an unchanged job by its user, the first of its owners."""
    return _change("", job, f"user {job.owners[0] if job.owners else ''}", "submitted")


def _change(old_state: str, new: JobRow, by: str, why: str) -> StateChange:
    """Return the change of a job to what it is now; a reason that is too long for its column is cut."""
    return StateChange(
        job_id=new.job_id,
        change_time=new.state_time_stamp,
        old_state=old_state,
        new_state=new.state,
        changed_by=by,
        reason=why[:_MOST_REASON],
        application=new.application,
        owners=new.owners,
        target_resources=new.target_resources,
        job_name="" if old_state else new.job_name,
        labels="" if old_state else new.labels,
    )


def first_targets(transaction: Transaction, job: JobRow) -> tuple[str, ...]:
    """Return the targets that a job was submitted with, or its present ones when its history is deleted."""
    return job_history.first_targets(transaction, [job.job_id]).get(job.job_id, job.target_resources)


def count_requeues(transaction: Transaction, job_id: int, why: str) -> int:
    """Return how often the scheduler has queued a job again for a reason that begins with ``why``."""
    changes = job_history.of_job(transaction, job_id)
    requeues = [one for one in changes if (one.changed_by, one.new_state) == (SCHEDULER, State.QUEUED)]
    return sum(one.reason.startswith(why) for one in requeues)


def of_job(transaction: Transaction, user: UserPrincipal, job_id: int, config: Config) -> list[StateChange]:
    """Return the changes of a job, the oldest first.

    Raises LGIError NO_JOB, or READ_REFUSED unless the user may read the job. The history of a deleted job is
    for its owners and administrators.
    """
    job = jobs.find_summary(transaction, job_id)
    changes = job_history.of_job(transaction, job_id)
    if job is None and not changes:
        raise LGIError(ErrorNumber.NO_JOB, f"job {job_id}")
    readers = job.read_access if job else (config.admin_group, *changes[-1].owners)
    if not comma_lists.contains_any(readers, user.names):
        raise LGIError(ErrorNumber.READ_REFUSED, f"job {job_id}")
    if job is not None and not changes:
        return [_submit(job)]
    return changes
