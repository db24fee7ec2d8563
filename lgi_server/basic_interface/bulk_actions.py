"""Actions for several jobs of the list at once: delete, abort, hold, release, submit again, share, label."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from lgi_protocol import labels
from lgi_protocol.errors import LGIError
from lgi_server.api import fields
from lgi_server.basic_interface import bulk_removal, chosen_jobs, file_archive, job_shares
from lgi_server.basic_interface.chosen_jobs import Outcome
from lgi_server.basic_interface.registry import Answer, PageContext, Template
from lgi_server.services.jobs import holds, idempotency, labelling, resubmission, sharing
from lgi_server.services.jobs.labelling import LabelChange
from lgi_server.services.jobs.submit_request import SubmitContext
from lgi_server.tables.job_queue.jobs import JobRow

ACTION = fields.Field("action", fields.SHORT, fields.E.STATE_TOO_BIG, fields.E.STATE)


@dataclass(frozen=True)
class BulkAction:
    """What is done to the chosen jobs, and the words that say so."""

    run: Callable[[PageContext, Sequence[int]], list[Outcome]]
    done: str


def act(visit: PageContext) -> Answer:
    """Do something to the chosen jobs, and show the result for each; ask before any is removed."""
    numbers = chosen_jobs.numbers(visit)
    name = visit.form.line(ACTION)
    if name in bulk_removal.DONE:
        return bulk_removal.question(visit, numbers, name)
    if name == "download":
        return file_archive.of_chosen(visit, numbers)
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
            "are_gone": name == "deleted",
        },
    )


def _hold(visit: PageContext, numbers: Sequence[int]) -> list[Outcome]:
    hold = partial(holds.hold_by_user, visit.transaction, visit.user, text="", now=visit.now)
    return chosen_jobs.each(visit, numbers, hold)


def _release(visit: PageContext, numbers: Sequence[int]) -> list[Outcome]:
    release = partial(holds.release_by_user, visit.transaction, visit.user, now=visit.now)
    return chosen_jobs.each(visit, numbers, release)


def _share(visit: PageContext, numbers: Sequence[int]) -> list[Outcome]:
    share = partial(
        sharing.share_by_user,
        visit.transaction,
        visit.user,
        change=job_shares.posted(visit),
        admin_group=visit.visitor.server.config.admin_group,
        now=visit.now,
    )
    return chosen_jobs.each(visit, numbers, share)


def _label(visit: PageContext, numbers: Sequence[int]) -> list[Outcome]:
    text = visit.form.checked(fields.LABELS, labels.normalize_labels)
    if not text:
        raise fields.LABELS.refusal(fields.LABELS.malformed, "write a label as key=value")
    change = LabelChange(labels.read_labels(labels.split_labels(text)))
    label = partial(labelling.label_by_user, visit.transaction, visit.user, change=change, now=visit.now)
    return chosen_jobs.each(visit, numbers, label)


def _submit_again(visit: PageContext, numbers: Sequence[int]) -> list[Outcome]:
    server = visit.visitor.server
    project = server.config.projects[visit.visitor.project]
    context = SubmitContext(visit.transaction, server.config, visit.store, visit.now, project)
    form_id, user = visit.form.line(fields.REQUEST_ID), visit.user

    def run(there: Sequence[int]) -> list[Outcome]:
        # The page shown twice submits each job once.
        keys = {one: idempotency.make_key("user", user.name, f"{form_id}.{one}") for one in there}
        return resubmission.resubmit_all(context, user, keys)

    return chosen_jobs.each(visit, numbers, run)


_ACTIONS: Mapping[str, BulkAction] = {
    "hold": BulkAction(_hold, "held"),
    "release": BulkAction(_release, "released"),
    "again": BulkAction(_submit_again, "submitted again"),
    "share": BulkAction(_share, "shared"),
    "label": BulkAction(_label, "labelled"),
    # After the question.
    "deleted": BulkAction(bulk_removal.delete, "deleted"),
    "aborted": BulkAction(bulk_removal.abort, "being aborted"),
}
