"""Urgent jobs: they are given out before all others, and a group has a limited number of them at once."""

from collections.abc import Sequence
from dataclasses import replace

from lgi_protocol import comma_lists
from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_protocol.states import State
from lgi_server.services.jobs.submit_request import SubmitContext
from lgi_server.tables import urgent_jobs
from lgi_server.tables.job_queue import jobs
from lgi_server.tables.job_queue.jobs import JobRow


def as_urgent(context: SubmitContext, job: JobRow) -> JobRow:
    """Return a new job as an urgent one if it is queued.

    It is urgent by the right of the first of its owners that may have one more; the limits count the jobs of
    this call too. Raises LGIError SUBMIT_REFUSED when there is none.
    """
    if job.state != State.QUEUED:
        return job
    group = _with_room(context, _limits(context, job.owners))
    context.urgent[group] += 1
    return replace(job, urgent_group=group, priority=jobs.URGENT + context.now)


def check_size(context: SubmitContext, owners: Sequence[str], size: int) -> None:
    """Raise LGIError SUBMIT_REFUSED when none of the owners may have so many urgent jobs at once."""
    group, most = max(_limits(context, owners).items(), key=lambda one: one[1])
    if most < size:
        raise _refused(
            f"{group} may have {most} urgent jobs at once, the array has {size}: submit it without urgent"
        )


def _limits(context: SubmitContext, owners: Sequence[str]) -> dict[str, int]:
    """Return the limits of those owners that may have urgent jobs, in their order; LGIError for none."""
    known = urgent_jobs.limits(context.transaction, owners)
    if not known:
        right = "no administrator has given them that right: submit it without urgent"
        raise _refused(f"{comma_lists.join(owners)} may have no urgent jobs, {right}")
    return {owner: known[owner] for owner in owners if owner in known}


def _with_room(context: SubmitContext, limits: dict[str, int]) -> str:
    """Return the first group that may have one more urgent job; LGIError SUBMIT_REFUSED."""
    for group, most in limits.items():
        if group not in context.urgent:
            context.urgent[group] = urgent_jobs.count_alone(context.transaction, group)
        if context.urgent[group] < most:
            return group
    full = ", ".join(f"{group} has {context.urgent[group]} of {most}" for group, most in limits.items())
    raise _refused(f"{full} urgent jobs: submit it without urgent, or when one of these has ended")


def _refused(why: str) -> LGIError:
    return LGIError(ErrorNumber.SUBMIT_REFUSED, why, message="urgent is refused")
