"""Limits of arrays: no more than ``at_most`` elements are queued or run at once, the others are held.

The next ones are released in the transaction in which one ends; the scheduler releases what is left. Before
the elements of an array are counted its row is locked. So two parts of a submit, or two transactions in which
elements end, count one after the other, and no slot is given twice.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial

from lgi_protocol import states
from lgi_server.db.pool import Database
from lgi_server.db.transaction import Transaction
from lgi_server.services.jobs import holds
from lgi_server.tables import job_arrays, job_holds
from lgi_server.tables.job_arrays import ArrayRow
from lgi_server.tables.job_holds import Hold
from lgi_server.tables.job_queue import batches, elements, jobs
from lgi_server.tables.job_queue.jobs import JobRow

# Arrays of which elements are released in one transaction.
MOST = 8


def held(new: Sequence[JobRow], slots: int, now: int) -> list[JobRow]:
    """Return new elements, in their order, of which those after the first ``slots`` are held."""
    hold = Hold(0, job_holds.ARRAY, now, None, "", "no more elements of its array run at once")
    return [
        job if place < slots else replace(job, lock_state=jobs.HELD, holds=(*job.holds, hold))
        for place, job in enumerate(new)
    ]


def free_slots(transaction: Transaction, array_id: int, at_most: int) -> int:
    """Return how many more elements of an array may be queued; its row is locked."""
    return max(0, at_most - elements.count_active(transaction, array_id))


def settle(transaction: Transaction, changed: Iterable[JobRow]) -> None:
    """Release the next elements in place of those of these jobs that have ended or are deleted.

    Nothing is read for jobs that are no elements. The scheduler releases those of more than `MOST` arrays.
    """
    ended = {job.array_id for job in changed if job.array_id and _is_over(job)}
    if ended:
        for array in job_arrays.lock_limited(transaction, sorted(ended), MOST):
            _release_next(transaction, array)


def _is_over(job: JobRow) -> bool:
    return bool(job.ended) or job.state == states.DELETED


def release_due(database: Database, now: int) -> int:
    """Release held elements of all arrays, as many as may run; return how many these were."""
    released = 0
    for array_id in database.run(job_arrays.limited, write=False):
        released += database.run(partial(_release, array_id=array_id))
    return released


def _release(transaction: Transaction, array_id: int) -> int:
    return sum(
        _release_next(transaction, array) for array in job_arrays.lock_limited(transaction, [array_id])
    )


def _release_next(transaction: Transaction, array: ArrayRow) -> int:
    """Release as many elements of an array, whose row is locked, as may run; return how many."""
    free = free_slots(transaction, array.array_id, array.at_most)
    job_ids = elements.held(transaction, array.array_id, min(free, jobs.AT_ONCE)) if free else []
    if job_ids:
        rows = list(batches.lock(transaction, sorted(job_ids)).values())
        holds.release(transaction, rows, (job_holds.ARRAY,))
    return len(job_ids)
