"""What has happened to jobs: when, from which state to which, by whom and why; also of jobs that are gone.

It is recorded with each change, in the same transaction. The submit of a user's job is recorded with its
first change, from the job's row: until then that says the same.
"""

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
# Characters of a column.
_MOST_REASON = 255


def record_change(transaction: Transaction, old: JobRow, new: JobRow, by: str, why: str = "") -> None:
    """Record a change of a job's state; ``by`` is "user NAME", "resource NAME" or `SCHEDULER`.

    A queued job that is changed otherwise has its submit recorded: its row will no longer tell when that was.
    """
    if new.state != old.state:
        job_history.record(transaction, _submit(old), _change(old.state, new, by, why))
    elif old.state == State.QUEUED:
        job_history.record(transaction, _submit(old))


def how(job: JobRow) -> str:
    """Return how a job ended, as far as its daemon has told: the reason of its last change."""
    return ": ".join(filter(None, (job.end.cause, job.end.reason))) if job.ended else ""


def began(transaction: Transaction, job: JobRow, by: str) -> None:
    """Record the submit of a job by a resource, or by another job: "resource NAME" or "job NUMBER"."""
    job_history.record(transaction, _change("", job, by, "submitted"))


def _submit(job: JobRow) -> StateChange:
    """Return the submit of a job whose state nobody has changed: a user's, who is the first of its owners."""
    return _change("", job, f"user {job.owners[0] if job.owners else ''}", "submitted")


def _change(old_state: str, new: JobRow, by: str, why: str) -> StateChange:
    """Return a change of a job, as it is then; a reason that is too long is cut."""
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
    )


def first_targets(transaction: Transaction, job: JobRow) -> tuple[str, ...]:
    """Return the resources a job was submitted for; those it has now when that is forgotten."""
    for change in job_history.of_job(transaction, job.job_id):
        if not change.old_state:
            return change.target_resources
    return job.target_resources


def times(transaction: Transaction, job_id: int, why: str) -> int:
    """Return how often the scheduler has queued a job again for a reason that begins so."""
    changes = job_history.of_job(transaction, job_id)
    again = [one for one in changes if (one.changed_by, one.new_state) == (SCHEDULER, State.QUEUED)]
    return sum(one.reason.startswith(why) for one in again)


def of_job(transaction: Transaction, user: UserPrincipal, job_id: int, config: Config) -> list[StateChange]:
    """Return the changes of a job, the first one first, for who may read the job.

    Raises LGIError NO_JOB or READ_REFUSED.

    When the job is gone, for its owners and administrators.
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
