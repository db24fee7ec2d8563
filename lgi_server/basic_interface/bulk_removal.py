"""The question before chosen jobs are deleted or aborted, and what is done after it."""

from collections.abc import Sequence

from lgi_protocol import states
from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_server.basic_interface import chosen_jobs
from lgi_server.basic_interface.chosen_jobs import Outcome
from lgi_server.basic_interface.job import may_change, seen
from lgi_server.basic_interface.registry import PageContext, Template
from lgi_server.services.jobs import deletion, locking
from lgi_server.services.jobs.locking import JobLockedError
from lgi_server.tables.job_queue.jobs import JobRow

# The buttons of the list, and what is done to a job after the question.
DONE = {"abort": "aborted", "delete": "deleted"}


def question(visit: PageContext, numbers: Sequence[int], what: str) -> Template:
    """Return the form that asks whether to ``abort`` or ``delete`` jobs."""
    found, refused = list[JobRow](), dict[int, LGIError]()
    for number in numbers:
        try:
            found.append(_checked(visit, number, what))
        except LGIError as error:
            refused[number] = error
    values: dict[str, object] = {"jobs": found, "refused": refused, "what": what, "done": DONE[what]}
    values["back"] = chosen_jobs.back(visit)
    return Template("basic_interface/bulk_removal.html", values)


def _checked(visit: PageContext, number: int, what: str) -> JobRow:
    """Return a job that can be deleted or aborted; LGIError NO_JOB, MODIFY_REFUSED or STATE.

    A job that ends while its user is asked whether to abort it keeps its results.
    """
    job = seen(visit, number)
    if not may_change(visit, job):
        raise LGIError(ErrorNumber.MODIFY_REFUSED, f"job {number}")
    if states.removable(job.state) == (what == "delete"):
        return job
    why = "abort it first" if what == "delete" else "only a job that runs can be aborted"
    raise LGIError(ErrorNumber.STATE, message=f"It is {job.state}: {why}")


def delete(visit: PageContext, numbers: Sequence[int]) -> list[Outcome]:
    """Delete jobs that are queued or have ended."""
    return _done(visit, numbers, "delete")


def abort(visit: PageContext, numbers: Sequence[int]) -> list[Outcome]:
    """Have jobs aborted that run."""
    return _done(visit, numbers, "abort")


def _done(visit: PageContext, numbers: Sequence[int], what: str) -> list[Outcome]:
    outcomes: dict[int, Outcome] = {}
    for number in numbers:
        try:
            outcomes[number] = _checked(visit, number, what)
        except LGIError as error:
            outcomes[number] = error
    there = [number for number, one in outcomes.items() if not isinstance(one, LGIError)]
    if there:
        outcomes.update(zip(there, _removed(visit, there), strict=True))
    return [outcomes[number] for number in numbers]


def _removed(visit: PageContext, numbers: Sequence[int]) -> Sequence[Outcome]:
    try:
        return deletion.delete_all_by_user(visit.transaction, visit.user, numbers, visit.store, visit.now)
    except JobLockedError as locked:
        return [locking.refusal(number, locked) for number in numbers]
