"""Actions for several jobs of the list at once: delete or abort, hold, release, submit again."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from lgi_protocol import states, whole_number
from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_server.api import fields
from lgi_server.basic_interface.job import may_change, seen
from lgi_server.basic_interface.registry import Answer, PageContext, Template
from lgi_server.services.jobs import holds, idempotency, resubmission, updates
from lgi_server.services.jobs.locking import JobLockedError
from lgi_server.services.jobs.submit_request import SubmitContext
from lgi_server.tables.job_queue.jobs import JobRow

Outcome = JobRow | LGIError
# Jobs in one form: those on a page of the list.
MOST = 50
ACTION = fields.Field("action", fields.SHORT, fields.E.STATE_TOO_BIG, fields.E.STATE)
# The check boxes of the list.
CHOSEN = "chosen"


@dataclass(frozen=True)
class BulkAction:
    """What is done to the chosen jobs, and the words that say so."""

    run: Callable[[PageContext, Sequence[int]], list[Outcome]]
    done: str


def act(visit: PageContext) -> Answer:
    """Do something to the chosen jobs, and show what has become of each; ask before any is removed."""
    numbers = _chosen(visit)
    name = visit.form.line(ACTION)
    if name == "remove":
        return _question(visit, numbers)
    action = _ACTIONS.get(name)
    if action is None:
        raise ACTION.refusal(ACTION.malformed, f"{name[:40]!r} is not one of {', '.join(_ACTIONS)}")
    outcomes = dict(zip(numbers, action.run(visit, numbers), strict=True))
    return Template(
        "basic_interface/bulk_outcome.html",
        {
            "done": action.done,
            "jobs": [one for one in outcomes.values() if isinstance(one, JobRow)],
            "refused": {number: one for number, one in outcomes.items() if isinstance(one, LGIError)},
            "are_gone": name == "removed",
        },
    )


def _chosen(visit: PageContext) -> list[int]:
    """Return the numbers of the chosen jobs, in their order; LGIError JOB_ID unless there are any."""
    texts = visit.posted.getlist(CHOSEN)
    numbers = [whole_number.read(text, 1) for text in texts[: MOST + 1]]
    found = sorted({number for number in numbers if number is not None})
    if not found or None in numbers or len(texts) > MOST:
        raise LGIError(ErrorNumber.JOB_ID, message=f"Choose 1 to {MOST} jobs of the list")
    return found


def _question(visit: PageContext, numbers: Sequence[int]) -> Template:
    found, refused = list[JobRow](), dict[int, LGIError]()
    for number in numbers:
        try:
            job = seen(visit, number)
            if not may_change(visit, job):
                raise LGIError(ErrorNumber.MODIFY_REFUSED, f"job {number}")
            found.append(job)
        except LGIError as error:
            refused[number] = error
    removed = sum(states.removable(job.state) for job in found)
    values = {"jobs": found, "refused": refused, "removed": removed, "aborted": len(found) - removed}
    return Template("basic_interface/bulk_removal.html", values)


def _each(
    visit: PageContext, numbers: Sequence[int], run: Callable[[Sequence[int]], Sequence[Outcome]]
) -> list[Outcome]:
    """Return what ``run`` returns for the jobs that the user may read, and the LGIError of each other."""
    outcomes: dict[int, Outcome] = {}
    for number in numbers:
        try:
            seen(visit, number)
        except LGIError as error:
            outcomes[number] = error
    there = [number for number in numbers if number not in outcomes]
    outcomes.update(zip(there, run(there) if there else (), strict=True))
    return [outcomes[number] for number in numbers]


def _hold(visit: PageContext, numbers: Sequence[int]) -> list[Outcome]:
    hold = partial(holds.hold_by_user, visit.transaction, visit.user, text="", now=visit.now)
    return _each(visit, numbers, hold)


def _release(visit: PageContext, numbers: Sequence[int]) -> list[Outcome]:
    return _each(visit, numbers, partial(holds.release_by_user, visit.transaction, visit.user, now=visit.now))


def _submit_again(visit: PageContext, numbers: Sequence[int]) -> list[Outcome]:
    server = visit.visitor.server
    project = server.config.projects[visit.visitor.project]
    context = SubmitContext(visit.transaction, server.config, visit.store, visit.now, project)
    form_id, user = visit.form.line(fields.REQUEST_ID), visit.user

    def run(there: Sequence[int]) -> list[Outcome]:
        # The page shown twice submits each job once.
        keys = {one: idempotency.make_key("user", user.name, f"{form_id}.{one}") for one in there}
        return resubmission.resubmit_all(context, user, keys)

    return _each(visit, numbers, run)


def _remove(visit: PageContext, numbers: Sequence[int]) -> list[Outcome]:
    return _each(visit, numbers, lambda there: [_removed(visit, number) for number in there])


def _removed(visit: PageContext, number: int) -> Outcome:
    try:
        return updates.delete_by_user(visit.transaction, visit.user, number, visit.store, visit.now)
    except LGIError as error:
        return error
    except JobLockedError as locked:
        return LGIError(ErrorNumber.CANNOT_LOCK, f"job {number}", message=f"{locked}; try again")


_ACTIONS: Mapping[str, BulkAction] = {
    "hold": BulkAction(_hold, "held"),
    "release": BulkAction(_release, "released"),
    "again": BulkAction(_submit_again, "submitted again"),
    # After the question.
    "removed": BulkAction(_remove, "removed"),
}
