"""Deletes by users: jobs that are queued or have ended are removed, all others are aborted."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial

from lgi_protocol import comma_lists, states
from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_protocol.states import State
from lgi_server.db.transaction import Transaction
from lgi_server.services.access.principals import UserPrincipal
from lgi_server.services.jobs import event_log, history, holds, locking, settlement
from lgi_server.services.jobs.history import RecordedChange
from lgi_server.services.jobs.stamps import next_stamp
from lgi_server.storage.repository import RepositoryWriter
from lgi_server.tables import event_queue, job_retries
from lgi_server.tables.job_queue import batches, bulk_changes
from lgi_server.tables.job_queue import states as job_queue_states
from lgi_server.tables.job_queue.batches import LockedRow
from lgi_server.tables.job_queue.bulk_changes import RowChange
from lgi_server.tables.job_queue.jobs import JobRow

Outcome = JobRow | LGIError


def delete_by_user(
    transaction: Transaction, user: UserPrincipal, job_id: int, store: RepositoryWriter, now: int
) -> JobRow:
    """Delete a job that is queued or has ended; have any other aborted.

    The state of the returned job is ``deleted`` or ``aborting``. The repository is removed after the commit.
    Raises LGIError NO_JOB or MODIFY_REFUSED, JobLockedError while the job is locked.
    """
    (outcome,) = delete_all_by_user(transaction, user, [job_id], store, now)
    if isinstance(outcome, LGIError):
        raise outcome
    return outcome


def delete_all_by_user(
    transaction: Transaction, user: UserPrincipal, job_ids: Sequence[int], store: RepositoryWriter, now: int
) -> list[Outcome]:
    """Delete or abort jobs as `delete_by_user` does; return each as it is then, or its LGIError.

    Raises JobLockedError for a single job that is locked; of several it has the LGIError CANNOT_LOCK.
    """
    found = batches.lock(transaction, sorted(set(job_ids)))
    outcomes: dict[int, Outcome] = {}
    changes: list[RecordedChange] = []
    for job_id in dict.fromkeys(job_ids):
        try:
            job = _checked(transaction, user, found.get(job_id), job_id)
        except LGIError as error:
            outcomes[job_id] = error
        except locking.JobLockedError as locked:
            if len(job_ids) == 1:
                raise
            outcomes[job_id] = locking.refusal(job_id, locked)
        else:
            new = replace(job, state=_state_after(job), state_time_stamp=next_stamp(job, now))
            changes.append(RecordedChange(job, new, f"user {user.name}"))
            outcomes[job_id] = new
    if changes:
        _store(transaction, changes, store, now)
        for one in changes:
            transaction.on_commit(partial(event_log.log_deleted, one.old, one.new.state, user.name))
    return [outcomes[job_id] for job_id in job_ids]


def _checked(transaction: Transaction, user: UserPrincipal, row: LockedRow | None, job_id: int) -> JobRow:
    """Return a job that the user may change; LGIError NO_JOB or MODIFY_REFUSED, JobLockedError."""
    if row is None:
        raise LGIError(ErrorNumber.NO_JOB, f"job {job_id}")
    job, lock = row
    if not comma_lists.contains_any(job.write_access, user.names):
        raise LGIError(ErrorNumber.MODIFY_REFUSED, f"job {job_id}")
    if locking.blocks(job, lock):
        raise locking.locked_error(transaction, lock)
    return job


def _state_after(job: JobRow) -> str:
    return states.DELETED if states.removable(job.state) else State.ABORTING.value


def _store(
    transaction: Transaction, changes: Sequence[RecordedChange], store: RepositoryWriter, now: int
) -> None:
    """Store changes, with the same statements for any number of them."""
    # The submits are recorded from the rows, as long as these are there.
    history.record_changes(transaction, changes)
    remove(transaction, (one.old for one in changes if one.new.state == states.DELETED), store)
    aborted = [RowChange(one.old, one.new) for one in changes if one.new.state != states.DELETED]
    bulk_changes.store(transaction, aborted)
    transaction.news.extend(one.new for one in changes)
    settlement.settle(transaction, [one.new for one in changes], now)
    event_queue.job_changed(transaction, now)


def remove(transaction: Transaction, jobs: Iterable[JobRow], store: RepositoryWriter) -> None:
    """Remove the rows of jobs, which the transaction has locked, and their files after the commit."""
    gone = list(jobs)
    if not gone:
        return
    job_queue_states.delete(transaction, [job.job_id for job in gone])
    holds.drop(transaction, [job for job in gone if job.is_on_hold])
    if tried := [job.job_id for job in gone if job.retries]:
        job_retries.delete(transaction, tried)
    if names := [job.repository for job in gone if job.repository]:
        transaction.on_commit(partial(store.remove_all, names))
