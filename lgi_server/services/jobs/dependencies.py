"""Dependencies: queued jobs that are held until other jobs have ended.

When a job ends, those that follow it are settled in the same transaction, a bounded number of them; the
scheduler settles the rest, and what an older server has left. The number of a job is always higher than those
of the jobs that it follows, so that rows are locked in ascending order, and there are no cycles.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from lgi_protocol import job_references, states
from lgi_protocol.job_end import End, Result, normalize_reason
from lgi_protocol.states import State
from lgi_server.db.pool import Database
from lgi_server.db.transaction import Transaction
from lgi_server.services.jobs import event_log, history, holds
from lgi_server.services.jobs.history import RecordedChange
from lgi_server.services.jobs.stamps import next_stamp
from lgi_server.services.jobs.submit_request import JobPlan
from lgi_server.services.notifications import events
from lgi_server.tables import event_queue, job_dependencies, job_holds
from lgi_server.tables.job_dependencies import OK, Dependency
from lgi_server.tables.job_holds import Hold
from lgi_server.tables.job_queue import batches, bulk_changes
from lgi_server.tables.job_queue.batches import LockedRow
from lgi_server.tables.job_queue.bulk_changes import RowChange
from lgi_server.tables.job_queue.jobs import JobRow

# Dependents that are settled in one transaction, and how far down.
MOST, MOST_LEVELS = 100, 10


@dataclass(frozen=True)
class EndedJob:
    """A job that has ended or is deleted; ``failure`` says how it failed, empty for one that has not."""

    job_id: int
    failure: str = ""


def ended_of(job: JobRow) -> EndedJob:
    """Return how a job has ended. One whose exit code is unknown, as of an old daemon, has not failed."""
    if job.state == states.DELETED:
        return EndedJob(job.job_id, "was deleted")
    if job.end.result(job.state) is not Result.FAILED:
        return EndedJob(job.job_id)
    if job.end.exit_code:
        return EndedJob(job.job_id, f"ended with {job.end.cause}")
    return EndedJob(job.job_id, f"was {job.end.cause or 'aborted'}")


def hold_of(plan: JobPlan, now: int) -> tuple[Hold, ...]:
    """Return the hold of a new job that follows others."""
    if not plan.predecessors:
        return ()
    many = len(plan.predecessors)
    names = f"job{'s' if many > 1 else ''} {job_references.write(plan.predecessors)}"
    be = "they have" if many > 1 else "it has"
    text = f"until {be} {'succeeded' if plan.after else 'ended'}"
    return (Hold(0, job_holds.AFTER, now, None, names if len(names) < 255 else f"{many} jobs", text),)


def store(transaction: Transaction, plans: Mapping[int, JobPlan], now: int) -> dict[int, JobRow]:
    """Store what new jobs wait for, by job_id; a failure that was there before counts at once.

    Returns the new jobs that are other than they were stored, by job_id.
    """
    new = [
        Dependency(job_id, after_id, kind, int(plan.keep))
        for job_id, plan in plans.items()
        for after_id, kind in plan.predecessors.items()
    ]
    if not new:
        return {}
    job_dependencies.insert(transaction, new)
    # Of each job the lowest number is that which has failed, if one has (`predecessors.resolve`).
    first = {plan.after[0] for plan in plans.values() if plan.after}
    known = batches.find(transaction, sorted(first)) if first else {}
    return settle(transaction, [replace(job, has_dependents=1) for job in known.values()], now)


def settle(transaction: Transaction, changed: Iterable[JobRow], now: int) -> dict[int, JobRow]:
    """Settle what waits for those of these jobs that have ended or are deleted; nothing is read for others.

    This transaction has locked their rows. Returns the dependents that have changed, by job_id.
    """
    ends = [
        ended_of(job)
        for job in changed
        if job.has_dependents and (states.has_ended(job.state) or job.state == states.DELETED)
    ]
    return _settle(transaction, ends, now) if ends else {}


def _settle(transaction: Transaction, ends: Sequence[EndedJob], now: int) -> dict[int, JobRow]:
    settled: dict[int, JobRow] = {}
    for _ in range(MOST_LEVELS):
        left = MOST - len(settled)
        by_job = {one.job_id: one for one in ends}
        rows = job_dependencies.following(transaction, sorted(by_job), left + 1)
        changes = _Level(transaction, by_job, rows[:left], now).settle()
        settled |= changes
        ends = [ended_of(job) for job in changes.values() if job.has_dependents and job.ended]
        if len(rows) > left or not ends:
            break
    if len(rows) > left or ends:
        event_queue.dependents_left(transaction, now)
    return settled


class _Level:
    """The jobs that directly follow some that have ended."""

    def __init__(
        self, transaction: Transaction, ends: Mapping[int, EndedJob], rows: Sequence[Dependency], now: int
    ) -> None:
        self._transaction, self._ends, self._now = transaction, ends, now
        found = batches.lock(transaction, sorted({one.job_id for one in rows})) if rows else {}
        # What a session has locked is settled by the scheduler, later.
        self._jobs = {job_id: row for job_id, row in found.items() if row[1] is None}
        self._rows = [one for one in rows if one.job_id in self._jobs or one.job_id not in found]

    def settle(self) -> dict[int, JobRow]:
        """Return the jobs that have changed, by job_id."""
        if not self._rows:
            return {}
        job_dependencies.delete(
            self._transaction, sorted({one.job_id for one in self._rows}), sorted(self._ends)
        )
        failed = {one.job_id: one for one in self._rows if one.kind == OK and self._failure(one)}
        doomed = [one for one in failed.values() if not one.kept and self._is_queued(one.job_id)]
        aborted = self._abort(doomed)
        self._keep([one for one in failed.values() if one.kept and self._is_queued(one.job_id)])
        return aborted | self._release([job_id for job_id in self._jobs if job_id not in aborted])

    def _failure(self, one: Dependency) -> str:
        failure = self._ends[one.after_id].failure
        return f"job {one.after_id}, which it was to follow, {failure}" if failure else ""

    def _is_queued(self, job_id: int) -> bool:
        return job_id in self._jobs and self._jobs[job_id][0].state == State.QUEUED

    def _abort(self, doomed: Sequence[Dependency]) -> dict[int, JobRow]:
        if not doomed:
            return {}
        changes = [self._aborted(self._jobs[one.job_id][0], self._failure(one)) for one in doomed]
        history.record_changes(self._transaction, changes)
        bulk_changes.store(self._transaction, [RowChange(one.old, one.new) for one in changes])
        holds.drop(self._transaction, [one.new for one in changes])
        events.record(self._transaction, [one.new for one in changes], self._now)
        job_dependencies.delete_of(self._transaction, [one.new.job_id for one in changes])
        for one in changes:
            self._transaction.on_commit(partial(event_log.log_lost, one.old, one.new, one.why))
        self._transaction.news.extend(one.new for one in changes)
        return {one.new.job_id: replace(one.new, lock_state=0, holds=()) for one in changes}

    def _aborted(self, job: JobRow, why: str) -> RecordedChange:
        new = replace(
            job,
            state=State.ABORTED.value,
            state_time_stamp=next_stamp(job, self._now),
            end=End(reason=normalize_reason(why)),
        )
        return RecordedChange(job, new, history.SCHEDULER, why)

    def _keep(self, kept: Sequence[Dependency]) -> None:
        """Hold jobs for their users, which a failure would have aborted."""
        new = [
            Hold(one.job_id, job_holds.USER, self._now, None, f"job {one.after_id}", self._failure(one)[:254])
            for one in kept
        ]
        job_holds.insert(self._transaction, new)

    def _release(self, job_ids: Sequence[int]) -> dict[int, JobRow]:
        """Take away the hold of those jobs that wait for nothing more."""
        if not job_ids:
            return {}
        waiting = job_dependencies.waiting(self._transaction, job_ids)
        rows: list[LockedRow] = [self._jobs[job_id] for job_id in job_ids if job_id not in waiting]
        return {job.job_id: job for job in holds.release(self._transaction, rows, [job_holds.AFTER])}


def settle_left(database: Database, now: int) -> int:
    """Settle what still waits for jobs that have ended, a part at a time; return how many jobs these were."""

    def work(transaction: Transaction, after_ids: Sequence[int]) -> int:
        found = batches.find(transaction, after_ids)
        gone = [EndedJob(one, "was deleted") for one in after_ids if one not in found]
        ended = [ended_of(job) for job in found.values() if states.has_ended(job.state)]
        return len(_settle(transaction, [*gone, *ended], now))

    settled, before = 0, list[int]()
    while after_ids := database.run(job_dependencies.unsettled, write=False):
        changed = database.run(partial(work, after_ids=after_ids))
        if not changed and after_ids == before:
            # Sessions have the rest locked.
            break
        settled, before = settled + changed, after_ids
    return settled
