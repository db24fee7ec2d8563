"""Queued jobs that a user changes, several at once: which of them the user may change now."""

from collections.abc import Sequence
from dataclasses import replace

from lgi_protocol import comma_lists
from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_protocol.states import State
from lgi_server.db.transaction import Transaction
from lgi_server.services.access.principals import UserPrincipal
from lgi_server.services.jobs import locking
from lgi_server.tables import job_holds
from lgi_server.tables.job_queue import batches
from lgi_server.tables.job_queue.batches import LockedRow
from lgi_server.tables.job_queue.jobs import JobRow

Outcome = JobRow | LGIError


def lock_queued(
    transaction: Transaction, user: UserPrincipal, job_ids: Sequence[int], what: str
) -> tuple[list[LockedRow], dict[int, Outcome]]:
    """Return those of these jobs that the user may change, and the LGIError of each other.

    They have their holds, and their rows are locked. ``what`` is a participle that says what is done to them.
    Raises JobLockedError for a single job that is locked.
    """
    found = batches.lock(transaction, sorted(set(job_ids)))
    known = job_holds.of_jobs(transaction, list(found))
    rows: list[LockedRow] = []
    outcomes: dict[int, Outcome] = {}
    for job_id in dict.fromkeys(job_ids):
        try:
            job, lock = _checked(transaction, user, found.get(job_id), job_id, what)
        except LGIError as error:
            outcomes[job_id] = error
        except locking.JobLockedError as locked:
            if len(job_ids) == 1:
                raise
            outcomes[job_id] = locking.refusal(job_id, locked)
        else:
            held = replace(job, holds=known.get(job_id, ()))
            rows.append((held, lock))
            outcomes[job_id] = held
    return rows, outcomes


def _checked(
    transaction: Transaction, user: UserPrincipal, row: LockedRow | None, job_id: int, what: str
) -> LockedRow:
    """Return a queued job that the user may change; LGIError NO_JOB, MODIFY_REFUSED or STATE.

    Raises JobLockedError for one that is locked.
    """
    if row is None:
        raise LGIError(ErrorNumber.NO_JOB, f"job {job_id}")
    job, lock = row
    if not comma_lists.contains_any(job.write_access, user.names):
        raise LGIError(ErrorNumber.MODIFY_REFUSED, f"job {job_id}")
    if job.state != State.QUEUED:
        message = f"Only a job that is queued can be {what}"
        raise LGIError(ErrorNumber.STATE, f"job {job_id} is {job.state}", message=message)
    if locking.blocks(job, lock):
        raise locking.locked_error(transaction, lock)
    return job, lock
