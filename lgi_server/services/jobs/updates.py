"""Changes of existing jobs: by the resource that has a job locked, by users, and by the scheduler."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol, TypeVar

from lgi_protocol import comma_lists, states, xml
from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_protocol.job_end import NO_END, End
from lgi_protocol.job_usage import NO_USAGE
from lgi_protocol.states import State
from lgi_server.db.transaction import Transaction
from lgi_server.services.access.principals import UserPrincipal
from lgi_server.services.jobs import event_log, history, locking, retries, settlement
from lgi_server.services.jobs.stamps import next_stamp
from lgi_server.services.jobs.targets import known_targets, offers
from lgi_server.tables import active_resources, event_queue
from lgi_server.tables.active_resources import ResourceRow
from lgi_server.tables.job_queue import jobs
from lgi_server.tables.job_queue import states as job_queue_states
from lgi_server.tables.job_queue.jobs import JobRow
from lgi_server.tables.job_queue.row_copy import with_values


@dataclass(frozen=True)
class JobChange:
    """The new values that a resource posts for a job; an empty one leaves the old value."""

    state: str = ""
    target_resources: tuple[str, ...] = ()
    output: bytes = b""
    input: bytes = b""
    job_specifics: str = ""
    end: End = NO_END


def update(
    transaction: Transaction,
    resource: ResourceRow,
    session_id: int,
    job_id: int,
    read_change: Callable[[JobRow], JobChange],
    *,
    now: int,
) -> JobRow:
    """Change a job that this session has locked, and return it as it was reported.

    One that has failed may be queued again instead of ending.

    Raises LGIError NOT_YOUR_LOCK, STATE, or those of ``read_change``. The state_time_stamp always grows, so
    that two changes within one second can be told apart.
    """
    old = locking.owned_job(transaction, resource, session_id, job_id)
    new = changed(old, read_change(old), now)
    retry = retries.after(transaction, old, new, now) if new.retries else None
    stored, why = (retry.job, retry.why) if retry else (new, history.end_text(new))
    if not job_queue_states.change(transaction, old, stored):
        raise LGIError(ErrorNumber.STATE, f"job {job_id} is no longer {old.state}")
    if retry:
        retries.wait(transaction, [retry], now, is_locked=True)
    history.record_change(transaction, old, stored, f"resource {resource.resource_name}", why)
    transaction.on_commit(partial(event_log.log_updated, old, stored, resource.resource_name))
    transaction.news.append(stored)
    settlement.settle(transaction, [stored], now)
    event_queue.job_changed(transaction, now)
    return new


def changed(old: JobRow, change: JobChange, now: int) -> JobRow:
    """Return a job after a change by its resource at ``now``, in seconds."""
    return with_values(
        old,
        state=change.state or old.state,
        target_resources=change.target_resources or old.target_resources,
        output=change.output or old.output,
        input=change.input or old.input,
        job_specifics=change.job_specifics or old.job_specifics,
        state_time_stamp=next_stamp(old, now),
        daemon_pulse=now,
        end=_end(old.end, change.end),
        started=_start(old, change.state or old.state, now),
    )


def _start(old: JobRow, state: str, now: int) -> int | None:
    """Return when a job was last started, after a change to ``state`` at ``now``."""
    if state == State.QUEUED:
        return None
    begins = old.state == State.QUEUED and not states.has_ended(state)
    return next_stamp(old, now) if begins else old.started


def _end(old: End, posted: End) -> End:
    """Return the end of a job after an update.

    Exit code and signal change together, and so does what it used; the reason changes by itself.
    """
    if posted == NO_END:
        return old
    cause = posted if posted.cause else old
    usage = posted.usage if posted.usage != NO_USAGE else old.usage
    return replace(cause, reason=posted.reason or old.reason, usage=usage)


def check_state(job: JobRow, state: str) -> str:
    """Return ``state`` if a resource may bring the job to it, or if it is empty; LGIError STATE."""
    if state and not states.resource_may_change(job.state, state):
        raise LGIError(ErrorNumber.STATE, f"a job that is {job.state} cannot become {state}")
    return state


def check_reference(job: JobRow, reference: str) -> None:
    """Raise LGIError NOT_YOUR_LOCK for a job that another daemon has.

    That is one that is not queued and has another daemon reference than the posted one, if any is posted.
    """
    if reference and job.state != State.QUEUED and reference != job.daemon_reference:
        raise LGIError(ErrorNumber.NOT_YOUR_LOCK, f"job {job.job_id} was taken over by another daemon")


def check_takeover(job: JobRow, job_specifics: str) -> str:
    """Return posted job_specifics; LGIError NOT_YOUR_LOCK when another daemon has the job."""
    if job_specifics:
        check_reference(job, xml.value(job_specifics, "daemon_reference"))
    return job_specifics


def check_first_state(state: str) -> str:
    """Return ``state`` if a resource may submit a job in it; LGIError STATE."""
    if state == states.DELETED:
        raise LGIError(ErrorNumber.STATE, "no job has the state deleted")
    return state


def check_new_targets(
    transaction: Transaction, job: JobRow, resource: ResourceRow, targets: tuple[str, ...]
) -> tuple[str, ...]:
    """Return those of the targets that offer the job's application, none for no change; LGIError NO_TARGET.

    The usual case, a resource that takes a job for itself, needs no query.
    """
    if not targets:
        return ()
    if targets == (resource.resource_name,) and offers(resource, job.application):
        return targets
    return known_targets(active_resources.everyone(transaction), job.application, targets)


def seen_by_resource(transaction: Transaction, resource: ResourceRow, job_id: int) -> JobRow:
    """Return a job for one of its targets; LGIError NO_JOB or NOT_VISIBLE."""
    return check_visible(jobs.find(transaction, job_id), resource, job_id)


class _HasTargets(Protocol):
    @property
    def target_resources(self) -> tuple[str, ...]: ...


_Seen = TypeVar("_Seen", bound=_HasTargets)


def check_visible(job: _Seen | None, resource: ResourceRow, job_id: int) -> _Seen:
    """Return a job that was searched, for one of its targets; LGIError NO_JOB or NOT_VISIBLE."""
    if job is None:
        raise LGIError(ErrorNumber.NO_JOB, f"job {job_id}")
    if not comma_lists.contains_any(job.target_resources, [resource.resource_name]):
        raise LGIError(ErrorNumber.NOT_VISIBLE, f"job {job_id}")
    return job


def locked_by_resource(
    transaction: Transaction, resource: ResourceRow, session_id: int, job_id: int
) -> JobRow:
    """Return a job that this session has locked; LGIError NOT_LOCKED."""
    found = jobs.locked(transaction, job_id, session_id)
    if found is None or found[1].resource_id != resource.resource_id:
        raise LGIError(ErrorNumber.NOT_LOCKED, f"job {job_id}")
    return found[0]


def seen_by_user(transaction: Transaction, user: UserPrincipal, job_id: int) -> JobRow:
    """Return a job that a user may read, locked or not; LGIError NO_JOB or READ_REFUSED."""
    job = jobs.find(transaction, job_id)
    if job is None:
        raise LGIError(ErrorNumber.NO_JOB, f"job {job_id}")
    if not comma_lists.contains_any(job.read_access, user.names):
        raise LGIError(ErrorNumber.READ_REFUSED, f"job {job_id}")
    return job


def read_by_user(transaction: Transaction, user: UserPrincipal, job_id: int) -> JobRow:
    """Return a job that a user may read; LGIError NO_JOB, READ_REFUSED; JobLockedError while it is locked."""
    found = jobs.with_lock(transaction, job_id)
    if found is None:
        raise LGIError(ErrorNumber.NO_JOB, f"job {job_id}")
    job, lock = found
    if not comma_lists.contains_any(job.read_access, user.names):
        raise LGIError(ErrorNumber.READ_REFUSED, f"job {job_id}")
    if locking.blocks(job, lock):
        raise locking.locked_error(transaction, lock)
    return job
