"""New priorities for jobs in a given order, with as few changes as possible.

A job's priority is the time of its submit until the scheduler orders it, then a number below zero. So ordered
jobs come first, and the others follow, first in, first out.
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence

# START: the first priority of all. STEP: the distance of neighbours, which leaves numbers between them.
START, STEP = -(10**15), 1000


def renumber_priorities(order: Sequence[int], numbers: Mapping[int, int]) -> dict[int, int]:
    """Return new priorities for some of the jobs, so that all of them ascend in the given order.

    ``numbers`` are their present ones. The longest subsequence that ascends already keeps its numbers.
    """
    kept = _ascending([(job_id, numbers[job_id]) for job_id in order if numbers[job_id] < 0])
    changed: dict[int, int] = {}
    low: int | None = None
    between: list[int] = []
    for job_id in [*order, None]:
        if job_id is not None and job_id not in kept:
            between.append(job_id)
            continue
        high = None if job_id is None else numbers[job_id]
        found = _spread(low, high, len(between))
        if found is None:
            return {job_id: START + place * STEP for place, job_id in enumerate(order)}
        changed |= dict(zip(between, found, strict=True))
        low, between = high, []
    return changed


def _spread(low: int | None, high: int | None, count: int) -> Sequence[int] | None:
    """Return ``count`` ascending numbers between two others (None: no bound); None when there are too few."""
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
    """Return the jobs of the longest subsequence whose numbers ascend."""
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
