"""The end of jobs that have ended long ago: they are deleted with their files, where a project says so."""

from dataclasses import replace
from functools import partial

from lgi_protocol import states
from lgi_server.db.pool import Database
from lgi_server.db.transaction import Transaction
from lgi_server.services.jobs import deletion, event_log, history
from lgi_server.services.jobs.history import RecordedChange
from lgi_server.storage.repository import RepositoryWriter
from lgi_server.tables.job_queue import batches
from lgi_server.tables.job_queue import states as job_queue_states
from lgi_server.tables.job_queue.batches import LockedRow

# Jobs of one transaction, and transactions of one search: others are found by the next one.
_AT_ONCE, _MOST = 100, 200


def delete_old(database: Database, store: RepositoryWriter, keep: int, now: int) -> int:
    """Delete jobs that ended more than ``keep`` seconds before ``now``, and return how many.

    Their history stays. A job that a session has locked, as for a late report, is deleted the next time.
    """
    deleted = 0
    for _time in range(_MOST):
        find = partial(job_queue_states.ended_before, stamp=now - keep, most=_AT_ONCE)
        if not (job_ids := database.run(find, write=False)):
            break
        deleted += database.run(partial(_delete, job_ids=job_ids, store=store, before=now - keep, now=now))
    return deleted


def _delete(
    transaction: Transaction, *, job_ids: list[int], store: RepositoryWriter, before: int, now: int
) -> int:
    found = batches.lock(transaction, job_ids)
    old = [one for one in found.values() if _is_old(one, before)]
    why = "it ended long ago (keep_finished)"
    changes = [
        RecordedChange(job, replace(job, state=states.DELETED, state_time_stamp=now), history.SCHEDULER, why)
        for job, _lock in old
    ]
    history.record_changes(transaction, changes)
    deletion.remove(transaction, [job for job, _lock in old], store)
    for one in changes:
        transaction.on_commit(partial(event_log.log_deleted_as_old, one.old))
        transaction.news.append(one.new)
    return len(old)


def _is_old(row: LockedRow, before: int) -> bool:
    """Return whether a job, whose row is locked now, is still to be deleted."""
    job, lock = row
    return lock is None and states.has_ended(job.state) and job.state_time_stamp < before
