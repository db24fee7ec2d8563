"""Locks on jobs: lock_state is above 0 exactly when a running_locks row exists, at each commit (ruling 7).

Somebody else may have left one without the other: an administrator, or an older server. Each alone counts as
a lock. An interface of LGI's locks as resource -1 in session 0; ours holds the job's row instead, which ends
with its transaction.
"""

import time

from lgi_protocol import comma_lists
from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_protocol.states import State
from lgi_server.db.transaction import Transaction
from lgi_server.services.jobs import licences
from lgi_server.services.jobs.licences import Amounts
from lgi_server.tables import active_resources, running_locks
from lgi_server.tables.active_resources import ResourceRow
from lgi_server.tables.job_queue import jobs
from lgi_server.tables.job_queue.jobs import JobRow
from lgi_server.tables.running_locks import Lock


class JobLockedError(Exception):
    """An interface call met a locked job: nothing was done, it may be tried again (wire.md 3: up to 30 s).

    The text says who has locked it since when.
    """


def locked_error(transaction: Transaction, lock: Lock | None) -> JobLockedError:
    """Return the error for a job with this lock; None when only its lock_state says that it is locked."""
    if lock is None:
        return JobLockedError("the job is locked")
    resource = active_resources.numbered(transaction, lock.resource_id)
    holder = f"resource {resource.resource_name}" if resource else "an interface"
    since = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(lock.lock_time))
    return JobLockedError(f"the job is locked by {holder} since {since}")


def lock(
    transaction: Transaction, session: tuple[ResourceRow, int], job_id: int, totals: Amounts, now: int
) -> Lock:
    """Lock a job for a session of a resource; LGIError NO_JOB, NOT_A_TARGET or CANNOT_LOCK.

    A queued one that wants licences is given them: whoever has it locked may start it.
    """
    resource, session_id = session
    job, lock = lock_row(transaction, job_id)
    if not comma_lists.contains_any(job.target_resources, [resource.resource_name]):
        raise LGIError(ErrorNumber.NOT_A_TARGET)
    if lock is not None or job.lock_state > 0:
        raise LGIError(ErrorNumber.CANNOT_LOCK, f"job {job_id}")
    if job.state == State.QUEUED and not licences.grant(transaction, [job], totals):
        message = "The job's licences are all in use"
        raise LGIError(ErrorNumber.CANNOT_LOCK, f"{job.licences}, job {job_id}", message=message)
    lock_id = running_locks.insert(transaction, job_id, resource.resource_id, session_id, now)
    jobs.set_lock_state(transaction, [job_id], 1)
    return Lock(lock_id, job_id, resource.resource_id, now, session_id)


def lock_all(
    transaction: Transaction, held_jobs: list[JobRow], resource: ResourceRow, session_id: int, now: int
) -> None:
    """Lock jobs that this transaction holds."""
    if held_jobs:
        job_ids = [job.job_id for job in held_jobs]
        running_locks.insert_all(transaction, job_ids, resource.resource_id, session_id, now)
        jobs.set_lock_state(transaction, job_ids, 1)


def unlock(transaction: Transaction, resource: ResourceRow, session_id: int, job_id: int) -> Lock:
    """Free a job of this session; LGIError NOT_YOUR_LOCK."""
    lock = _own(running_locks.hold(transaction, job_id), resource, session_id, job_id)
    running_locks.delete(transaction, job_id)
    jobs.set_lock_state(transaction, [job_id], 0)
    return lock


def owned_job(transaction: Transaction, resource: ResourceRow, session_id: int, job_id: int) -> JobRow:
    """Return a job that this session has locked, held for the rest of the transaction.

    Raises LGIError NOT_YOUR_LOCK.
    """
    job, lock = jobs.lock_row(transaction, job_id) or (None, None)
    _own(lock, resource, session_id, job_id)
    if job is None:
        raise LGIError(ErrorNumber.NOT_YOUR_LOCK, f"job {job_id}")
    return job


def _own(lock: Lock | None, resource: ResourceRow, session_id: int, job_id: int) -> Lock:
    if lock is None or (lock.resource_id, lock.session_id) != (resource.resource_id, session_id):
        raise LGIError(ErrorNumber.NOT_YOUR_LOCK, f"job {job_id}")
    return lock


def lock_row(transaction: Transaction, job_id: int) -> tuple[JobRow, Lock | None]:
    """Return a job held for the rest of the transaction, and the lock on it; LGIError NO_JOB."""
    found = jobs.lock_row(transaction, job_id)
    if found is None:
        raise LGIError(ErrorNumber.NO_JOB, f"job {job_id}")
    return found


def free_session(transaction: Transaction, session_id: int) -> None:
    """Free everything a session has locked, and nothing that others have locked anew meanwhile."""
    jobs.set_lock_state(transaction, running_locks.take_of_session(transaction, session_id), 0)


def free_abandoned(transaction: Transaction, oldest: int, looks: int = running_locks.OLDEST) -> int:
    """Free some of the jobs locked before ``oldest`` by an interface or a session that is gone; how many."""
    freed: list[int] = []
    if job_ids := running_locks.abandoned(transaction, oldest, looks):
        freed = running_locks.take_older(transaction, job_ids, oldest)
        jobs.set_lock_state(transaction, freed, 0)
    return len(freed)


def clear_orphaned_lock_state(transaction: Transaction, job_id: int) -> bool:
    """Free a job whose lock_state says that it is locked when nobody has locked it; whether it was so."""
    job, lock = jobs.lock_row(transaction, job_id) or (None, None)
    if job is None or lock is not None or job.lock_state == 0:
        return False
    jobs.set_lock_state(transaction, [job_id], 0)
    return True
