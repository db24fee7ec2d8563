"""Accounting: the scheduler turns the history of jobs into usage, counting each recorded change once.

A run begins with the first running state of a job and ends with the first state that is not running; aborting
counts as running, and a job that its resource gives back has not run. When a run has ended, its seconds are
counted for each owner, for the resource that took the job and for the months (UTC) in which it ran.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial

from lgi_protocol import states
from lgi_protocol.states import State
from lgi_server.db.pool import Database
from lgi_server.db.transaction import Transaction
from lgi_server.services.jobs.history import GIVEN_BACK
from lgi_server.services.scheduling import fair_share, queue_history
from lgi_server.tables import job_history, job_usage, shares
from lgi_server.tables.job_history import StateChange
from lgi_server.tables.job_usage import JobRun, UsageKey, UsageTotals
from lgi_server.tables.shares import DecayedUsage

# AT_ONCE: changes counted, or deleted, in one transaction. MOST_TIMES: transactions of one clean-up.
AT_ONCE, MOST_TIMES = 500, 200
_RESOURCE = "resource "


def account(database: Database, half_life: int) -> int:
    """Account for all changes that are not accounted for yet; return how many these were.

    Recent usage is updated too; ``half_life`` is in seconds.
    """
    counted = 0
    while some := database.run(partial(_account_some, half_life=half_life)):
        counted += some
    return counted


def _account_some(transaction: Transaction, half_life: int) -> int:
    """Account for some changes, locked until the commit, so that two schedulers never count the same ones."""
    changes = job_history.take(transaction, AT_ONCE)
    if not changes:
        return 0
    known = job_usage.runs(transaction, sorted({change.job_id for change in changes}))
    run, ended = replay_changes(known, changes)
    if known:
        job_usage.delete_runs(transaction, sorted(known))
    if run:
        job_usage.insert_runs(transaction, list(run.values()))
    used: dict[UsageKey, UsageTotals] = {}
    for one, end in ended:
        for account, more in usage_entries(one, end):
            used[account] = used.get(account, UsageTotals()) + more
    job_usage.add(transaction, used)
    if ended:
        shares.store(transaction, _lately(shares.lately(transaction), ended, half_life))
    queue_history.count_ends(transaction, changes)
    job_history.set_accounted(transaction, [change.change_id for change in changes])
    return len(changes)


def _lately(
    known: dict[str, DecayedUsage], ended: list[tuple[JobRun, int]], half_life: int
) -> dict[str, DecayedUsage]:
    """Return the recent usage of the accounts that some ended runs count for, with these runs."""
    after: dict[str, DecayedUsage] = {}
    for run, end in ended:
        for name in ("", *fair_share.accounts(run.owners)):
            before = after.get(name) or known.get(name) or DecayedUsage(0.0, 0.0, end)
            at = max(end, before.at)
            left = fair_share.decay(at - before.at, half_life)
            more = fair_share.decayed_seconds(run.began, end, at, half_life)
            runs = fair_share.decay(at - end, half_life)
            after[name] = DecayedUsage(before.seconds * left + more, before.runs * left + runs, at)
    return after


def replay_changes(
    known: dict[int, JobRun], changes: list[StateChange]
) -> tuple[dict[int, JobRun], list[tuple[JobRun, int]]]:
    """Return the runs in progress after some changes, and the ended runs with the times of their ends."""
    runs, ended = dict(known), []
    for change in changes:
        if _runs(change.new_state):
            # What is recorded of a running job may come just behind its end, and begins no run.
            if change.old_state != change.new_state:
                runs.setdefault(change.job_id, _run(change))
        elif change.job_id in runs:
            run = runs.pop(change.job_id)
            if not change.reason.startswith(GIVEN_BACK):
                ended.append((run, change.change_time))
    return runs, ended


def _runs(state: str) -> bool:
    """Return whether a job in this state is running, or being aborted, on a resource."""
    return state != states.DELETED and states.normalized(state) in {State.RUNNING, State.ABORTING}


def _run(change: StateChange) -> JobRun:
    """Return a run that begins, on the resource that has reported it or else the first target."""
    resource = change.changed_by.removeprefix(_RESOURCE)
    if resource == change.changed_by:
        resource = change.target_resources[0] if change.target_resources else ""
    return JobRun(change.job_id, change.change_time, change.application, change.owners, resource)


def usage_entries(run: JobRun, end: int) -> Iterator[tuple[UsageKey, UsageTotals]]:
    """Yield the totals that a run adds to; its first owner is its user, the others are groups."""
    months = list(months_between(run.began, end))
    for number, owner in enumerate(run.owners):
        kind = "group" if number else "user"
        for place, (month, seconds) in enumerate(months, 1):
            account = UsageKey(month, kind, owner, run.application, run.resource)
            yield account, UsageTotals(int(place == len(months)), seconds)


def months_between(begin: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield each month (as 202611) of a period and the seconds of it in that month; at least one."""
    while True:
        at = datetime.fromtimestamp(begin, UTC)
        following = datetime(at.year + at.month // 12, at.month % 12 + 1, 1, tzinfo=UTC)
        border = min(int(following.timestamp()), end)
        yield 100 * at.year + at.month, max(0, border - begin)
        if border >= end:
            return
        begin = border


def forget_old(database: Database, oldest: int) -> int:
    """Delete accounted changes before ``oldest``, in seconds, at most 100,000 of them; return how many.

    Changes of existing jobs are deleted too: the row of a job then stands for its submit.
    """

    def some(transaction: Transaction) -> int:
        old = [number for number, when in job_history.oldest(transaction, AT_ONCE) if when < oldest]
        if old:
            job_history.delete(transaction, old)
        return len(old)

    forgotten = 0
    for _ in range(MOST_TIMES):
        more = database.run(some)
        forgotten += more
        if more < AT_ONCE:
            break
    database.run(job_usage.delete_runs_of_nobody)
    database.run(partial(shares.forget, before=oldest))
    return forgotten
