"""Why a resource does not run a job that it has or had, as its daemon says: the job's last row of history.

A row says it of a running job that cannot be started yet; a new reason replaces it, so that a daemon adds no
rows by saying it again and again. A job that is given back before it ran has the reason in that change.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from lgi_protocol import states
from lgi_protocol.states import State
from lgi_server.db.transaction import Transaction
from lgi_server.services.jobs.history import GIVEN_BACK
from lgi_server.tables import job_history
from lgi_server.tables.job_history import StateChange

# The begin of the reason in the history while a job waits, and when it does so no more.
WAITS, WAITED = "waits: ", "waited: "
_RESOURCE = "resource "


@dataclass(frozen=True)
class ResourceWait:
    """The resource that does not run a job, why not, and since when, in seconds."""

    resource: str
    reason: str
    since: int


def of_change(last: StateChange | None) -> ResourceWait | None:
    """Return what the last change of a job says of it; None where it runs, or was never with a resource."""
    if last is None or not last.changed_by.startswith(_RESOURCE):
        return None
    begin = f"{GIVEN_BACK}: " if last.new_state == State.QUEUED else WAITS
    if not last.reason.startswith(begin):
        return None
    resource = last.changed_by.removeprefix(_RESOURCE)
    return ResourceWait(resource, last.reason.removeprefix(begin), last.change_time)


def of_changes(changes: Sequence[StateChange]) -> ResourceWait | None:
    """Return what the changes of a job, the oldest first, say of it, as `of_change`."""
    return of_change(changes[-1] if changes else None)


def of_job(transaction: Transaction, job_id: int) -> ResourceWait | None:
    """Return what the history of a job says of it, as `of_change`."""
    return of_change(job_history.last(transaction, [job_id]).get(job_id))


def record(transaction: Transaction, resource: str, reasons: Mapping[int, str], now: int) -> None:
    """Record why running jobs of a resource wait, by job_id; empty for one that does so no more.

    With at most three statements for any number of jobs, and one where nothing is new.
    """
    if not reasons:
        return
    by = f"{_RESOURCE}{resource}"
    changed, added = list[StateChange](), list[StateChange]()
    for job_id, last in job_history.last(transaction, sorted(reasons)).items():
        said = reasons[job_id]
        if _is_wait(last, by):
            text = f"{WAITS}{said}" if said else f"{WAITED}{_text(last)}"
            if text != last.reason:
                changed.append(replace(last, reason=text, change_time=now if said else last.change_time))
        elif said and states.normalized(last.new_state) is State.RUNNING:
            when = max(now, last.change_time)
            event = replace(last, change_time=when, old_state=last.new_state, changed_by=by)
            added.append(replace(event, reason=f"{WAITS}{said}", job_name="", labels=""))
    if changed:
        job_history.replace_reasons(transaction, changed)
    if added:
        job_history.record_all(transaction, added)


def _text(last: StateChange) -> str:
    return last.reason.removeprefix(WAITS).removeprefix(WAITED)


def _is_wait(last: StateChange, by: str) -> bool:
    """Return whether a change is a row of this resource that says why a job waits, or did."""
    return (
        last.changed_by == by and last.old_state == last.new_state and last.reason.startswith((WAITS, WAITED))
    )
