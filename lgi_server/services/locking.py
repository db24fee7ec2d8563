"""Locks on jobs: lock_state is above 0 exactly when a running_locks row exists, at each commit (ruling 7)."""

from lgi_protocol import lists
from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_server.database import Transaction
from lgi_server.tables import jobs, locks
from lgi_server.tables.active_resources import Resource
from lgi_server.tables.jobs import Job
from lgi_server.tables.locks import Lock


class JobLocked(Exception):
    """An interface call met a locked job: nothing was done, it may be tried again (wire.md 3: up to 30 s)."""


def lock(transaction: Transaction, resource: Resource, session_id: int, job_id: int, now: int) -> Lock:
    """Lock a job for a session; LGIError 15, 21 or 22."""
    job = held(transaction, job_id)
    if not lists.holds(job.target_resources, [resource.resource_name]):
        raise LGIError(ErrorNumber.NOT_A_TARGET)
    if job.lock_state > 0:
        raise LGIError(ErrorNumber.CANNOT_LOCK, f"job {job_id}")
    take(transaction, [job], resource, session_id, now)
    made = locks.of_job(transaction, job_id)
    if made is None:
        raise LGIError(ErrorNumber.CANNOT_LOCK, f"job {job_id}")
    return made


def take(
    transaction: Transaction, held_jobs: list[Job], resource: Resource, session_id: int, now: int
) -> None:
    """Lock jobs that this transaction holds."""
    if held_jobs:
        job_ids = [job.job_id for job in held_jobs]
        locks.insert(transaction, job_ids, resource.resource_id, session_id, now)
        jobs.set_lock_state(transaction, job_ids, 1)


def unlock(transaction: Transaction, resource: Resource, session_id: int, job_id: int) -> Lock:
    """Free a job of this session; LGIError 14."""
    jobs.hold(transaction, job_id)
    found = own_lock(transaction, resource, session_id, job_id, ErrorNumber.NOT_YOUR_LOCK)
    locks.delete(transaction, job_id)
    jobs.set_lock_state(transaction, [job_id], 0)
    return found


def own_lock(
    transaction: Transaction, resource: Resource, session_id: int, job_id: int, otherwise: ErrorNumber
) -> Lock:
    """The lock this session has on a job, or an LGIError with the number the call has for it."""
    found = locks.of_job(transaction, job_id)
    if found is None or (found.resource_id, found.session_id) != (resource.resource_id, session_id):
        raise LGIError(otherwise, f"job {job_id}")
    return found


def held(transaction: Transaction, job_id: int) -> Job:
    """A job held for the rest of the transaction; LGIError 15."""
    job = jobs.hold(transaction, job_id)
    if job is None:
        raise LGIError(ErrorNumber.NO_JOB, f"job {job_id}")
    return job


def free_session(transaction: Transaction, session_id: int) -> None:
    """Free everything a session has locked."""
    job_ids = locks.of_session(transaction, session_id)
    if job_ids:
        # In the order of lock and unlock: the job's row first, then its lock.
        jobs.set_lock_state(transaction, job_ids, 0)
        locks.delete_of_session(transaction, session_id)
