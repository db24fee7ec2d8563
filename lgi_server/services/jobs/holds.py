"""Holds: queued jobs that are not given out, for one or more reasons (`tables.job_holds`).

A hold is stored, and taken away, while the transaction has locked the row of the job: so of several that
take away the last holds of a job at once, exactly one sets it free. The holds of a job that a session has
locked have effect when it is unlocked.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from lgi_protocol.states import State
from lgi_server.db.pool import Database
from lgi_server.db.transaction import Transaction
from lgi_server.services.access.principals import UserPrincipal
from lgi_server.services.jobs import event_log, history, queued_jobs
from lgi_server.services.jobs.queued_jobs import Outcome
from lgi_server.tables import event_queue, job_dependencies, job_holds
from lgi_server.tables.job_holds import Hold
from lgi_server.tables.job_queue import batches, jobs, lock_states
from lgi_server.tables.job_queue.batches import LockedRow
from lgi_server.tables.job_queue.jobs import JobRow
from lgi_server.tables.running_locks import Lock


def hold(transaction: Transaction, rows: Sequence[LockedRow], holds: Sequence[Hold]) -> None:
    """Store holds of queued jobs, whose rows this transaction has locked."""
    job_holds.insert(transaction, holds)
    lock_states.mark_unlocked(transaction, [job.job_id for job, lock in rows if lock is None])


def release(transaction: Transaction, rows: Sequence[LockedRow], reasons: Sequence[str]) -> list[JobRow]:
    """Take away the holds of jobs for these reasons, and return the jobs as they are then.

    Those that nothing holds any more are given out. This transaction has locked the rows of the jobs.
    """
    if not rows:
        return []
    job_ids = [job.job_id for job, _lock in rows]
    job_holds.delete(transaction, job_ids, reasons)
    if job_holds.AFTER in reasons:
        job_dependencies.delete_of(transaction, job_ids)
    return _settle(transaction, rows)


def _settle(transaction: Transaction, rows: Sequence[LockedRow]) -> list[JobRow]:
    """Set free those of these jobs that nothing holds any more, and wake who waits for them."""
    lock_states.mark_unlocked(transaction, [job.job_id for job, lock in rows if lock is None])
    left = job_holds.of_jobs(transaction, [job.job_id for job, _lock in rows])
    settled = [_as_now(job, lock, left.get(job.job_id, ())) for job, lock in rows]
    transaction.news.extend(new for new, (old, _) in zip(settled, rows, strict=True) if _is_freed(old, new))
    return settled


def _as_now(job: JobRow, lock: Lock | None, holds: tuple[Hold, ...]) -> JobRow:
    """Return a job with its present holds; those of a locked job have effect later."""
    return _as_held(job, holds) if lock is None else replace(job, holds=holds)


def _as_held(job: JobRow, holds: tuple[Hold, ...]) -> JobRow:
    is_held = bool(holds) and job.state == State.QUEUED
    return replace(job, lock_state=jobs.HELD if is_held else jobs.FREE, holds=holds)


def _is_freed(old: JobRow, new: JobRow) -> bool:
    return old.is_on_hold and not new.is_on_hold


def with_holds(transaction: Transaction, found: Sequence[JobRow]) -> list[JobRow]:
    """Return jobs, those that are held with their holds, also while they are locked, as after a restore."""
    held = [job.job_id for job in found if job.state == State.QUEUED and job.lock_state != jobs.FREE]
    known = job_holds.of_jobs(transaction, held) if held else {}
    # Most jobs are not held, and a copy of a job takes as long as reading it.
    return [replace(job, holds=known[job.job_id]) if job.job_id in known else job for job in found]


def hold_by_user(
    transaction: Transaction, user: UserPrincipal, job_ids: Sequence[int], text: str, now: int
) -> list[Outcome]:
    """Hold queued jobs until they are released, and return each as it is then, or its LGIError.

    One that users hold already stays as it is, unless a ``text`` says something else of it. Raises
    JobLockedError for a single job that is locked.
    """
    rows, outcomes = queued_jobs.lock_queued(transaction, user, job_ids, "held")
    new = [job.job_id for job, _lock in rows if _text_of(job) is None or (text and text != _text_of(job))]
    by = f"user {user.name}"
    added = {job_id: Hold(job_id, job_holds.USER, now, None, by[:254], text) for job_id in new}
    if added:
        for job, _lock in rows:
            if job.job_id in added:
                history.record_event(transaction, job, by, f"held: {text}" if text else "held", now)
                transaction.on_commit(partial(event_log.log_held, job, by, text))
        hold(transaction, [one for one in rows if one[0].job_id in added], list(added.values()))
    for job, lock in rows:
        if job.job_id in added:
            others = (one for one in job.holds if one.reason != job_holds.USER)
            holds = (added[job.job_id], *others)
            outcomes[job.job_id] = _as_now(job, lock, holds)
    return [outcomes[job_id] for job_id in job_ids]


def _text_of(job: JobRow) -> str | None:
    """Return what is said of the hold of a job by users, None without one."""
    return next((one.text for one in job.holds if one.reason == job_holds.USER), None)


def release_by_user(
    transaction: Transaction,
    user: UserPrincipal,
    job_ids: Sequence[int],
    now: int,
    reasons: Sequence[str] = (job_holds.USER,),
) -> list[Outcome]:
    """Release queued jobs that users hold, and return each as it is then, or its LGIError.

    One that is not held stays as it is. Raises JobLockedError for a single job that is locked.
    """
    rows, outcomes = queued_jobs.lock_queued(transaction, user, job_ids, "released")
    held = [one for one in rows if {hold.reason for hold in one[0].holds} & set(reasons)]
    for job, _lock in held:
        history.record_event(transaction, job, f"user {user.name}", "released", now)
        transaction.on_commit(partial(event_log.log_released, job, f"user {user.name}"))
    released = release(transaction, held, reasons)
    if released:
        event_queue.job_changed(transaction, now)
    outcomes.update({job.job_id: job for job in released})
    return [outcomes[job_id] for job_id in job_ids]


def drop(transaction: Transaction, held: Sequence[JobRow]) -> None:
    """Take away all holds of jobs that are not queued any more, or not there; nothing for none."""
    if held:
        job_ids = [job.job_id for job in held]
        job_holds.delete_all(transaction, job_ids)
        job_dependencies.delete_of(transaction, job_ids)
        lock_states.mark_unlocked(transaction, job_ids)


def release_due(database: Database, now: int) -> int:
    """Take away the holds that end no later than ``now``, in seconds; return how many jobs had one."""

    def work(transaction: Transaction, job_ids: Sequence[int]) -> None:
        rows = list(batches.lock(transaction, job_ids).values())
        job_holds.delete_due(transaction, job_ids, now)
        _settle(transaction, rows)

    released = 0
    while job_ids := database.run(partial(job_holds.due, now=now), write=False):
        database.run(partial(work, job_ids=job_ids))
        released += len(job_ids)
    return released


def repair(database: Database) -> int:
    """Put holds into effect that an older server has set free, and delete those of jobs it has started.

    Returns how many jobs were concerned.
    """

    def work(transaction: Transaction, job_ids: Sequence[int]) -> None:
        found = batches.lock(transaction, job_ids)
        gone = [one for one in job_ids if one not in found or found[one][0].state != State.QUEUED]
        if gone:
            job_holds.delete_all(transaction, gone)
        lock_states.mark_unlocked(transaction, [job.job_id for job, lock in found.values() if lock is None])

    job_ids = database.run(job_holds.without_effect, write=False)
    if job_ids:
        database.run(partial(work, job_ids=job_ids))
    return len(job_ids)
