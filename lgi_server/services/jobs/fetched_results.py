"""Who has fetched all results of a job: so that nobody deletes what nobody has."""

from collections.abc import Sequence
from dataclasses import replace

from lgi_protocol import comma_lists
from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_server.db.transaction import Transaction
from lgi_server.services.access.principals import UserPrincipal
from lgi_server.tables.job_queue import batches, jobs
from lgi_server.tables.job_queue.jobs import JobRow

Outcome = JobRow | LGIError


def confirm_by_user(
    transaction: Transaction, user: UserPrincipal, job_ids: Sequence[int], now: int
) -> list[Outcome]:
    """Note that a user has all results of jobs, and return each as it is then, or its LGIError.

    A user who may only read a job does not take the place of an owner: results that no owner has fetched are
    not removed.
    """
    found = batches.lock(transaction, sorted(set(job_ids)))
    outcomes = {
        job_id: _outcome(user, found[job_id][0] if job_id in found else None, job_id) for job_id in job_ids
    }
    noted = {one.job_id: one for one in outcomes.values() if isinstance(one, JobRow) and _is_noted(user, one)}
    if noted:
        jobs.set_fetched(transaction, list(noted), user.name, now)
    new = {job_id: replace(one, fetched=now, fetched_by=user.name) for job_id, one in noted.items()}
    return [new.get(job_id, outcomes[job_id]) for job_id in job_ids]


def _is_noted(user: UserPrincipal, job: JobRow) -> bool:
    return job.fetched_by not in job.owners or comma_lists.contains_any(job.owners, user.names)


def _outcome(user: UserPrincipal, job: JobRow | None, job_id: int) -> Outcome:
    """Return a job if it has ended and the user may read it; or LGIError NO_JOB, READ_REFUSED or STATE."""
    if job is None:
        return LGIError(ErrorNumber.NO_JOB, f"job {job_id}")
    if not comma_lists.contains_any(job.read_access, user.names):
        return LGIError(ErrorNumber.READ_REFUSED, f"job {job_id}")
    if not job.ended:
        why = "Only a job that has ended has all of its results"
        return LGIError(ErrorNumber.STATE, f"job {job_id} is {job.state}", message=why)
    return job
