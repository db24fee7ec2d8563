"""Limits of arrays: no more than ``at_most`` elements are queued or run at once, the others are held.

Before the elements of an array are counted its row is locked. So two parts of a submit, or two schedulers,
count one after the other, and no slot is given twice.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from lgi_server.db.pool import Database
from lgi_server.db.transaction import Transaction
from lgi_server.services.jobs import holds
from lgi_server.tables import job_arrays, job_holds
from lgi_server.tables.job_holds import Hold
from lgi_server.tables.job_queue import batches, elements, jobs
from lgi_server.tables.job_queue.jobs import JobRow


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


def release_due(database: Database, now: int) -> int:
    """Release held elements of all arrays, as many as may run; return how many these were."""
    released = 0
    for array_id in database.run(job_arrays.limited, write=False):
        released += database.run(partial(_release, array_id=array_id))
    return released


def _release(transaction: Transaction, array_id: int) -> int:
    array = job_arrays.lock(transaction, array_id)
    if array is None:
        return 0
    free = free_slots(transaction, array_id, array.at_most) if array.at_most else 0
    job_ids = elements.held(transaction, array_id, min(free, jobs.AT_ONCE))
    if job_ids:
        rows = list(batches.lock(transaction, sorted(job_ids)).values())
        holds.release(transaction, rows, (job_holds.ARRAY,))
    return len(job_ids)
