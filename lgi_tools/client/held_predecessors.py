"""The held jobs that a job follows, directly or by way of others."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from lgi_protocol.errors import ServerError, TransportError
from lgi_protocol.states import State
from lgi_tools.client.job import Job
from lgi_tools.client.selection import Selection, read_numbers

if TYPE_CHECKING:
    # It needs this module.
    from lgi_tools.client.project import Project

# How far back it is looked, and jobs of each level whose predecessors are asked for.
LEVELS, MOST = 5, 4


def held_predecessors(project: "Project", job: Job) -> list[Job]:
    """Return jobs that users or the scheduler hold, and that a queued job waits for, as far as is known.

    Those that the user may not read are left out, and so are distant ones. Without an answer, and from older
    servers, there are none.
    """
    found, known, level = list[Job](), {job.id}, [job]
    try:
        for _ in range(LEVELS):
            numbers = _awaited(project, level[:MOST]) - known
            if not numbers:
                break
            known |= numbers
            before = list(project.select(Selection(numbers=read_numbers(map(str, numbers)))))
            found += [one for one in before if _is_held(one, "user")]
            level = [one for one in before if _is_held(one, "after")]
    except (ServerError, TransportError):
        # Who waits is told as far as it is known.
        pass
    return found


def _awaited(project: "Project", jobs: Iterable[Job]) -> set[int]:
    """Return the queued jobs that some jobs wait for; servers name the first of many."""
    explained = [project.explain(one) for one in jobs]
    return {one.job_id for each in explained for one in each.waits if one.state == State.QUEUED}


def _is_held(job: Job, reason: str) -> bool:
    return any(one.reason == reason for one in job.holds)
