"""How far the jobs of a selection are, and when they will be done, as far as the run times of others tell."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from math import ceil

from lgi_protocol.job_end import Result
from lgi_protocol.states import State
from lgi_server.db.transaction import Transaction
from lgi_server.tables import job_arrays
from lgi_server.tables.job_arrays import ArrayRow
from lgi_server.tables.job_queue import elements, listing
from lgi_server.tables.job_queue.jobs import JobRow
from lgi_server.tables.job_queue.selection import Selection

# Jobs whose run times are averaged, and running jobs whose starts are looked at.
MOST_RUNS = 200
MOST_RUNNING = 1000
# States of jobs that do not run, and results of those that have ended.
_NOT_RUNNING = frozenset({State.QUEUED.value, *(result.value for result in Result)})


# Arrays on one page of a list, and elements that are counted for one, unless a single array has more.
MOST_ARRAYS = 50
MOST_COUNTED = 100_000


@dataclass(frozen=True)
class Progress:
    """The number of jobs by state, of those that have ended by `Result`.

    ``mean`` is the average run time in seconds of like jobs that succeeded, ``remaining`` how many seconds
    the jobs take if as many run at once as now; None when they are not known.
    """

    counts: Mapping[str, int]
    mean: float | None = None
    remaining: int | None = None

    @property
    def total(self) -> int:
        """The number of jobs."""
        return sum(self.counts.values())

    @property
    def ended(self) -> int:
        """The number of jobs that have ended."""
        return sum(self.counts.get(result.value, 0) for result in Result)


def of_selection(transaction: Transaction, selection: Selection, now: int) -> Progress:
    """Return the progress of the jobs of a selection at ``now``, in seconds."""
    counts = (
        elements.progress(transaction, selection)
        if selection.array
        else listing.progress(transaction, selection)
    )
    return estimate(transaction, selection, counts, now)


def estimate(transaction: Transaction, selection: Selection, counts: Mapping[str, int], now: int) -> Progress:
    """Return the progress of jobs that are counted already."""
    queued = counts.get(State.QUEUED.value, 0)
    running = sum(number for state, number in counts.items() if state not in _NOT_RUNNING)
    mean = _mean(_run_times(transaction, selection))
    if not queued + running:
        return Progress(counts, mean, 0 if counts else None)
    if mean is None:
        mean = _mean(_run_times_of_like(transaction, selection))
    if mean is None or not running:
        return Progress(counts, mean)
    starts = _starts(transaction, selection)
    return Progress(counts, mean, remaining_seconds(mean, queued, running, starts, now))


def newest_arrays(
    transaction: Transaction,
    names: Sequence[str],
    limit: int,
    before: int,
    now: int,
    *,
    owner: str = "",
) -> list[tuple[ArrayRow, Progress]]:
    """Return a page of the arrays that names may read, or an ``owner`` has submitted, and how far each is.

    The newest is the first. A page has fewer than ``limit`` arrays when these have more than MOST_COUNTED
    elements together. An array without elements is left out, but for the last one, from which the next page
    goes on.
    """
    found = job_arrays.newest(transaction, names, limit, before, owner=owner)
    sizes = list(accumulate(array.size for array in found))
    some = [
        array for array, size in zip(found, sizes, strict=True) if array is found[0] or size <= MOST_COUNTED
    ]
    counts = job_arrays.progress(transaction, [array.array_id for array in some])
    shown = [array for array in some if counts[array.array_id] or array is some[-1]]
    progress = [_of_array(transaction, array, names, counts[array.array_id], now) for array in shown]
    return list(zip(shown, progress, strict=True))


def _of_array(
    transaction: Transaction, array: ArrayRow, names: Sequence[str], counts: Mapping[str, int], now: int
) -> Progress:
    """Return the progress of an array in a list: run times are looked up only while elements run."""
    if _NOT_RUNNING.issuperset(counts):
        return Progress(counts, remaining=None if State.QUEUED.value in counts else 0)
    return estimate(transaction, Selection(tuple(names), array=array.array_id), counts, now)


def remaining_seconds(mean: float, queued: int, running: int, starts: Sequence[int], now: int) -> int:
    """Return how long jobs take of which ``running`` run at once, and some of those since ``starts``.

    Each takes ``mean`` seconds; one that has run longer is about to end.
    """
    rests = [max(0.0, mean - (now - start)) for start in starts]
    average = sum(rests) / len(rests) if rests else mean / 2
    if not queued:
        return ceil(max(rests, default=average))
    return ceil((queued * mean + running * average) / running)


def _run_times(transaction: Transaction, selection: Selection) -> Sequence[int]:
    """Return how long some of the jobs that succeeded have run, in seconds."""
    if selection.array:
        return elements.run_times(transaction, selection.array, MOST_RUNS)
    wanted = replace(selection, state="", not_state=False, ended=Result.SUCCEEDED.value)
    return _times_of(listing.newest(transaction, wanted, MOST_RUNS, None))


def _run_times_of_like(transaction: Transaction, selection: Selection) -> Sequence[int]:
    """Return how long jobs have run that have the application and user of the first of a selection."""
    for state in (State.RUNNING.value, State.QUEUED.value):
        for job in listing.select(transaction, replace(selection, state=state), 0, 1):
            like = Selection(
                selection.readers,
                application=job.application,
                ended=Result.SUCCEEDED.value,
                owner=job.owners[0],
            )
            return _times_of(listing.newest(transaction, like, MOST_RUNS, None))
    return ()


def _starts(transaction: Transaction, selection: Selection) -> Sequence[int]:
    """Return when some of the running jobs were started, in seconds."""
    if selection.array:
        return elements.starts(transaction, selection.array, MOST_RUNNING)
    begun = listing.select(transaction, replace(selection, state=State.RUNNING.value), 0, MOST_RUNNING)
    return [job.started for job in begun if job.started is not None]


def _times_of(jobs: Sequence[JobRow]) -> list[int]:
    return [job.state_time_stamp - job.started for job in jobs if job.started is not None]


def _mean(times: Sequence[int]) -> float | None:
    return sum(times) / len(times) if times else None
