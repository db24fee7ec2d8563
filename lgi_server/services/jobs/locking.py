"""Locks on jobs: at each commit lock_state is 1 exactly when running_locks has a row (ruling 7).

Without one it is 2 for a queued job that is held (`services.jobs.holds`), and 0 for any other. A hold keeps
a job from daemons, not from users.

An administrator or an older server may have left one without the other: each alone counts as a lock.
Interfaces of LGI lock as resource -1 in session 0; ours lock the row of the job in the database until the
commit instead.
"""

import time

from lgi_protocol import comma_lists
from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_protocol.states import State
from lgi_server.db.transaction import Transaction
from lgi_server.services.jobs import licences, project_limits
from lgi_server.services.jobs.licences import Amounts
from lgi_server.tables import active_resources, job_exclusions, job_holds, restorations, running_locks
from lgi_server.tables.active_resources import ResourceRow
from lgi_server.tables.job_queue import jobs, lock_states
from lgi_server.tables.job_queue.jobs import JobRow
from lgi_server.tables.running_locks import Lock


class JobLockedError(Exception):
    """The job of an interface call is locked; nothing was changed, the call is retried (wire.md 3).

    The text has the holder and the time of the lock, ``since`` its time in Unix seconds, None if unknown.
    """

    def __init__(self, text: str, since: int | None = None) -> None:
        """Set the text and the time."""
        self.since = since
        super().__init__(text)


def locked_error(transaction: Transaction, lock: Lock | None) -> JobLockedError:
    """Return the error for a job with this lock, None if only its lock_state shows that it is locked."""
    if lock is None:
        return JobLockedError("the job is locked")
    resource = active_resources.numbered(transaction, lock.resource_id)
    holder = f"resource {resource.resource_name}" if resource else "an interface"
    since = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(lock.lock_time))
    return JobLockedError(f"the job is locked by {holder} since {since}", lock.lock_time)


def refusal(job_id: int, locked: JobLockedError) -> LGIError:
    """Return the error of a call about several jobs for one of them that is locked: CANNOT_LOCK."""
    text = str(locked)
    message = f"{text[:1].upper()}{text[1:]}; try again"
    return LGIError(ErrorNumber.CANNOT_LOCK, f"job {job_id}", message=message)


def is_held(lock: Lock | None) -> bool:
    """Return whether a job is held since a restore, for the daemon that may have it and for its users."""
    return lock is not None and lock.resource_id == restorations.HOLDER


def blocks(job: JobRow, lock: Lock | None) -> bool:
    """Return whether a lock keeps users from a job."""
    return not is_held(lock) and (lock is not None or job.lock_state not in {jobs.FREE, jobs.HELD})


def lock(
    transaction: Transaction,
    session: tuple[ResourceRow, int],
    job_id: int,
    totals: Amounts,
    *,
    now: int,
    most_running: int = 0,
) -> Lock:
    """Lock a job for a session of a resource; LGIError NO_JOB, NOT_A_TARGET or CANNOT_LOCK.

    A queued job is granted the licences that it requests, since the resource may start it; none is locked
    while ``most_running`` jobs of the project run (0: any number). A resource that is drained may lock those
    queued jobs only that a daemon has had: it takes back its own.
    """
    resource, session_id = session
    job, lock = lock_row(transaction, job_id)
    if not comma_lists.contains_any(job.target_resources, [resource.resource_name]):
        raise LGIError(ErrorNumber.NOT_A_TARGET)
    if is_held(lock):
        running_locks.delete(transaction, job_id)
    elif lock is not None or job.lock_state > 0:
        raise LGIError(ErrorNumber.CANNOT_LOCK, f"job {job_id}")
    elif job.state == State.QUEUED and resource.is_drained and not job.daemon_reference:
        raise LGIError(ErrorNumber.CANNOT_LOCK, f"job {job_id}", message="The resource is drained")
    elif job.state == State.QUEUED and not job.daemon_reference:
        _check_not_excluded(transaction, resource, job_id)
    if job.state == State.QUEUED and not licences.grant(transaction, [job], totals):
        message = "The job's licences are all in use"
        raise LGIError(ErrorNumber.CANNOT_LOCK, f"{job.licences}, job {job_id}", message=message)
    if job.state == State.QUEUED:
        project_limits.check_place(transaction, most_running)
    lock_id = running_locks.insert(transaction, job_id, resource.resource_id, session_id, now)
    lock_states.mark_locked(transaction, [job_id])
    return Lock(lock_id, job_id, resource.resource_id, now, session_id)


def _check_not_excluded(transaction: Transaction, resource: ResourceRow, job_id: int) -> None:
    if resource.resource_name in job_exclusions.of_job(transaction, job_id):
        raise LGIError(ErrorNumber.CANNOT_LOCK, f"job {job_id}", message="The job is not for this resource")


def lock_all(
    transaction: Transaction, held_jobs: list[JobRow], resource: ResourceRow, session_id: int, now: int
) -> None:
    """Lock jobs, whose rows this transaction has locked, for a session of a resource."""
    if held_jobs:
        job_ids = [job.job_id for job in held_jobs]
        running_locks.insert_all(transaction, job_ids, resource.resource_id, session_id, now)
        lock_states.mark_locked(transaction, job_ids)


def unlock(transaction: Transaction, resource: ResourceRow, session_id: int, job_id: int) -> Lock:
    """Unlock a job that this session has locked, and return its lock; LGIError NOT_YOUR_LOCK."""
    lock = _own(running_locks.hold(transaction, job_id), resource, session_id, job_id)
    running_locks.delete(transaction, job_id)
    lock_states.mark_unlocked(transaction, [job_id])
    return lock


def owned_job(transaction: Transaction, resource: ResourceRow, session_id: int, job_id: int) -> JobRow:
    """Return a job of this session, with its row locked until the commit; LGIError NOT_YOUR_LOCK."""
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
    """Return a job, with its row locked until the commit, and the lock on it; LGIError NO_JOB."""
    found = jobs.lock_row(transaction, job_id)
    if found is None:
        raise LGIError(ErrorNumber.NO_JOB, f"job {job_id}")
    return found


def free_session(transaction: Transaction, session_id: int) -> None:
    """Unlock all jobs of a session, and none that another session has locked meanwhile."""
    lock_states.mark_unlocked(transaction, running_locks.take_of_session(transaction, session_id))


def free_abandoned(transaction: Transaction, oldest: int, looks: int = running_locks.OLDEST) -> int:
    """Unlock jobs locked before ``oldest``, in seconds, by a session that does not exist; return how many."""
    freed: list[int] = []
    if job_ids := running_locks.abandoned(transaction, oldest, looks):
        freed = running_locks.take_older(transaction, job_ids, oldest)
        lock_states.mark_unlocked(transaction, freed)
    return len(freed)


def clear_orphaned_lock_state(transaction: Transaction, job_id: int) -> bool:
    """Reset a lock_state above 0 of a job with neither lock nor hold, and return whether it had one."""
    job, lock = jobs.lock_row(transaction, job_id) or (None, None)
    if job is None or lock is not None or job.lock_state == jobs.FREE:
        return False
    if job.is_on_hold and job_holds.of_jobs(transaction, [job_id]):
        return False
    lock_states.mark_unlocked(transaction, [job_id])
    return True
