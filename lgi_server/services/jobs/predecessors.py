"""Predecessors: which jobs a new one follows, and for which of them it still has to wait."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from lgi_protocol import comma_lists, states
from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_server.db.transaction import Transaction
from lgi_server.services.jobs.submit_request import FollowedArray, JobPlan, PreparedJob, SubmitContext
from lgi_server.tables import job_arrays
from lgi_server.tables.job_dependencies import ANY, OK
from lgi_server.tables.job_queue import elements, followed_jobs
from lgi_server.tables.job_queue.followed_jobs import FollowedJob

# Jobs that one may follow, and dependencies that the jobs of one call may have together.
MOST, MOST_AT_ONCE = 10_000, 100_000


def resolve(context: SubmitContext, plan: JobPlan, names: Sequence[str]) -> JobPlan:
    """Return a plan with the jobs for which a new one has to wait, and lock these.

    Those that have ended well are left out; of those that have failed, and must not, one is left.
    ``names`` are the users and groups for whom the new job is submitted, the same for all jobs of a call.
    Raises LGIError NO_JOB, READ_REFUSED, or JOB_ID_TOO_BIG for too many.
    """
    if not (plan.after or plan.after_any or plan.arrays):
        return plan
    if plan not in context.resolved:
        context.resolved[plan] = _resolved(context.transaction, plan, names)
    return context.resolved[plan]


def check_all(prepared: Sequence[PreparedJob]) -> None:
    """Raise LGIError JOB_ID_TOO_BIG when the jobs of a call follow too many others, taken together."""
    if sum(len(one.plan.after) + len(one.plan.after_any) for one in prepared) > MOST_AT_ONCE:
        why = (
            f"the jobs of one submit may wait for at most {MOST_AT_ONCE} others, counted for each of them:"
            " let one job follow these, and the others follow that one"
        )
        raise LGIError(ErrorNumber.JOB_ID_TOO_BIG, message=why)


def _resolved(transaction: Transaction, plan: JobPlan, names: Sequence[str]) -> JobPlan:
    kinds = dict(plan.predecessors)
    for one in plan.arrays:
        for job_id in _elements(transaction, one):
            kinds[job_id] = OK if kinds.get(job_id) == OK else one.kind
        if len(kinds) > MOST:
            raise too_many()
    jobs = {job.job_id: job for job in followed_jobs.lock(transaction, kinds)}
    _check(kinds, jobs, set(names))
    waiting = {number: kind for number, kind in kinds.items() if not states.has_ended(jobs[number].state)}
    failed = sorted(number for number, kind in kinds.items() if kind == OK and jobs[number].has_failed)[:1]
    return replace(
        plan,
        after=(*failed, *sorted(number for number, kind in waiting.items() if kind == OK)),
        after_any=tuple(sorted(number for number, kind in waiting.items() if kind == ANY)),
        arrays=(),
    )


def too_many() -> LGIError:
    """Return the error of a job that is to follow more than `MOST` others."""
    return LGIError(ErrorNumber.JOB_ID_TOO_BIG, message=f"a job may follow at most {MOST} others")


def _check(kinds: Mapping[int, str], jobs: Mapping[int, FollowedJob], names: set[str]) -> None:
    readable: dict[str, bool] = {}
    for job_id in kinds:
        if job_id not in jobs:
            message = "The job that this one is to follow does not exist"
            raise LGIError(ErrorNumber.NO_JOB, f"job {job_id}", message=message)
        readers = jobs[job_id].read_access
        if readers not in readable:
            readable[readers] = comma_lists.contains_any(comma_lists.split(readers), names)
        if not readable[readers]:
            message = "The user may not read the job that this one is to follow"
            raise LGIError(ErrorNumber.READ_REFUSED, f"job {job_id}", message=message)


def _elements(transaction: Transaction, wanted: FollowedArray) -> Sequence[int]:
    """Return the elements of an array that are to be followed; LGIError when some of them are missing."""
    made = job_arrays.find(transaction, wanted.array_id)
    if made is None:
        message = "The array that this job is to follow does not exist"
        raise LGIError(ErrorNumber.NO_JOB, f"array {wanted.array_id}", message=message)
    found = followed_jobs.elements(transaction, wanted.array_id, wanted.ranges, MOST + 1)
    if len(found) > MOST:
        raise too_many()
    count = elements.count_all(transaction, wanted.array_id) if wanted.ranges else len(found)
    is_whole = count == made.size
    if not is_whole and not wanted.ranges:
        raise _incomplete(wanted.array_id, f"has {count} of its {made.size} elements")
    for first, last in wanted.ranges:
        # Indexes may have gaps, as those of 0-100:10, but only where no element is missing.
        has_all = is_whole or sum(first <= index <= last for index in found) == last - first + 1
        if not (has_all and first in found and last in found):
            which = f"element {first}" if first == last else f"all of the elements {first}-{last}"
            raise _incomplete(wanted.array_id, f"does not have {which}")
    return list(found.values())


def _incomplete(array_id: int, why: str) -> LGIError:
    reason = f"array {array_id} {why}: the others are not submitted yet, were deleted, or never were"
    message = f"Jobs that this one is to follow do not exist; name those there are, as {array_id}[1-3,9]"
    return LGIError(ErrorNumber.NO_JOB, reason, message=message)
