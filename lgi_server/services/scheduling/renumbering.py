"""Numbers for jobs that are put in an order, changing as few of the numbers they have as can be.

A job has the time of its submit as its priority, until the scheduler places it: then a number below zero, so
that whatever was placed comes first, and what was not yet is first in, first out behind it.
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence

# The first job of all gets this one; there is room for a thousand between two neighbours.
START, STEP = -(10**15), 1000


def renumber_priorities(wanted: Sequence[int], numbers: Mapping[int, int]) -> dict[int, int]:
    """Return new numbers for some of the jobs, so that all of them ascend in the wanted order.

    ``numbers`` are those they have. The longest part of the order that ascends already keeps its numbers.
    """
    kept = _ascending([(job_id, numbers[job_id]) for job_id in wanted if numbers[job_id] < 0])
    changed: dict[int, int] = {}
    low: int | None = None
    between: list[int] = []
    for job_id in [*wanted, None]:
        if job_id is not None and job_id not in kept:
            between.append(job_id)
            continue
        high = None if job_id is None else numbers[job_id]
        found = _spread(low, high, len(between))
        if found is None:
            return {job_id: START + place * STEP for place, job_id in enumerate(wanted)}
        changed |= dict(zip(between, found, strict=True))
        low, between = high, []
    return changed


def _spread(low: int | None, high: int | None, count: int) -> Sequence[int] | None:
    """So many numbers between two others, where there are such; None when there is no room."""
    if high is None:
        first = START if low is None else low + STEP
        found = range(first, first + count * STEP, STEP)
        return None if count and found[-1] >= 0 else found
    if low is None:
        return range(high - count * STEP, high, STEP)
    if high - low <= count:
        return None
    return [low + (high - low) * place // (count + 1) for place in range(1, count + 1)]


def _ascending(pairs: Sequence[tuple[int, int]]) -> set[int]:
    """Return the jobs of the longest part of a sequence whose numbers ascend."""
    ends: list[int] = []
    last: list[int] = []
    before: list[int] = []
    for place, (_, number) in enumerate(pairs):
        at = bisect_left(ends, number)
        before.append(last[at - 1] if at else -1)
        ends[at : at + 1] = [number]
        last[at : at + 1] = [place]
    found: set[int] = set()
    place = last[-1] if last else -1
    while place >= 0:
        found.add(pairs[place][0])
        place = before[place]
    return found
