"""Elements of arrays that are submitted again: the new job takes the place of the old one in the array.

The old job is then no element, so that an index has one job, the newest, and an array counts each index once.
"""

from collections.abc import Mapping
from dataclasses import replace

from lgi_server.db.transaction import Transaction
from lgi_server.services.jobs import array_limits, holds
from lgi_server.tables import job_arrays
from lgi_server.tables.job_arrays import ArrayRow
from lgi_server.tables.job_queue import elements
from lgi_server.tables.job_queue.jobs import JobRow

# The jobs that this call has made, by those that they are made from.
Pairs = Mapping[int, JobRow]


def take_places(transaction: Transaction, made: Pairs, now: int) -> dict[int, JobRow]:
    """Give new jobs the places of the elements that they are made from; return them as they are then.

    Only one of the application of the array, which all its readers may read, can be an element of it. Of an
    array with a limit those are held that are too many. The result is by the old job_id.
    """
    known = elements.place_of(transaction, sorted(made)) if made else {}
    if not known:
        return {}
    arrays = {one.array_id: one for one in job_arrays.lock_all(transaction, _arrays(known))}
    # Another call may have been faster.
    known = elements.place_of(transaction, sorted(known))
    fitting = {
        old: made[old] for old, (array_id, _) in known.items() if _fits(made[old], arrays.get(array_id))
    }
    if not fitting:
        return {}
    placed = {
        old: replace(new, array_id=known[old][0], array_index=known[old][1]) for old, new in fitting.items()
    }
    for array_id in sorted({place for old, (place, _) in known.items() if old in placed}):
        placed |= _limited(transaction, arrays[array_id], placed, now)
    elements.replace(transaction, [(old, new.job_id) for old, new in placed.items()])
    return placed


def _arrays(known: Mapping[int, tuple[int, int]]) -> list[int]:
    return sorted({array_id for array_id, _ in known.values()})


def _fits(job: JobRow, array: ArrayRow | None) -> bool:
    if array is None or job.application != array.application:
        return False
    return set(array.read_access) <= set(job.read_access)


def _limited(transaction: Transaction, array: ArrayRow, placed: Pairs, now: int) -> dict[int, JobRow]:
    """Hold those new elements of an array for which it has no free slot; return all of its new elements."""
    mine = sorted(
        (one.array_index or 0, old) for old, one in placed.items() if one.array_id == array.array_id
    )
    new = [placed[old] for _, old in mine]
    if array.at_most:
        free = array_limits.free_slots(transaction, array.array_id, array.at_most)
        new = array_limits.held(new, free, now)
        late = new[free:]
        if late:
            rows = [(one, None) for one in late]
            holds.hold(transaction, rows, [replace(one.holds[-1], job_id=one.job_id) for one in late])
    return {old: one for (_, old), one in zip(mine, new, strict=True)}
