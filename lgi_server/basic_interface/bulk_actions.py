"""Actions for several jobs of the list at once: delete, abort, hold, release, submit again, share, label."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from lgi_protocol import labels
from lgi_protocol.errors import LGIError
from lgi_server.api import fields
from lgi_server.basic_interface import bulk_removal, bulk_resubmission, chosen_jobs, file_archive, job_shares
from lgi_server.basic_interface.chosen_jobs import Outcome
from lgi_server.basic_interface.registry import Answer, PageContext, Redirect, Template
from lgi_server.services.jobs import holds, labelling, sharing
from lgi_server.services.jobs.labelling import LabelChange
from lgi_server.tables.job_queue.jobs import JobRow

# What can be done to the failed elements of an array without a list of them.
_AGAIN = ("again", "resubmitted")
ACTION = fields.Field("action", fields.SHORT, fields.E.STATE_TOO_BIG, fields.E.STATE)


@dataclass(frozen=True)
class BulkAction:
    """What is done to the chosen jobs, and the words that say so."""

    run: Callable[[PageContext, Sequence[int]], list[Outcome]]
    done: str


def act(visit: PageContext) -> Answer:
    """Do something to the chosen jobs, and show the result for each; ask before any is removed."""
    name = visit.form.line(ACTION)
    is_of_array = name in _AGAIN and visit.form.has(chosen_jobs.FAILED_OF.name)
    if not is_of_array and (address := chosen_jobs.none_chosen(visit)):
        return Redirect(address)
    numbers = chosen_jobs.failed_elements(visit) if is_of_array else chosen_jobs.numbers(visit)
    if name == "again" and (asked := bulk_resubmission.question(visit, numbers)):
        return asked
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
            "back": chosen_jobs.back(visit),
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


_ACTIONS: Mapping[str, BulkAction] = {
    "hold": BulkAction(_hold, "held"),
    "release": BulkAction(_release, "released"),
    "again": BulkAction(bulk_resubmission.submit_again, "submitted again"),
    "share": BulkAction(_share, "shared"),
    "label": BulkAction(_label, "labelled"),
    # After the question.
    "resubmitted": BulkAction(bulk_resubmission.submit_again, "submitted again"),
    "deleted": BulkAction(bulk_removal.delete, "deleted"),
    "aborted": BulkAction(bulk_removal.abort, "being aborted"),
}
