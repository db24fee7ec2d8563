"""From the history of the jobs to what was used: the scheduler counts every recorded change once.

A job runs from the first state that is one of a job that runs to the first that is none; the wish to abort it
changes nothing in that. Its seconds are counted for each of its owners, for the resource that took it and for
the months in which it ran (UTC), when it has ended.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial

from lgi_protocol import states
from lgi_protocol.states import State
from lgi_server.db.pool import Database
from lgi_server.db.transaction import Transaction
from lgi_server.services.scheduling import fair_share
from lgi_server.tables import job_history, job_usage, shares
from lgi_server.tables.job_history import StateChange
from lgi_server.tables.job_usage import JobRun, UsageKey, UsageTotals
from lgi_server.tables.shares import DecayedUsage

# Changes that are counted in one transaction, and that are forgotten in one; and how many such transactions
# are made for the latter before something else has its turn.
AT_ONCE, MOST_TIMES = 500, 200
_RESOURCE = "resource "


def account(database: Database, half_life: int) -> int:
    """Count all changes that were not counted yet; answer how many those were.

    What was used lately is counted too; it is worth half after so many seconds.
    """
    counted = 0
    while some := database.run(partial(_account_some, half_life=half_life)):
        counted += some
    return counted


def _account_some(transaction: Transaction, half_life: int) -> int:
    """Hold the changes: of two schedulers the second goes on where the first one has ended."""
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
    job_history.set_accounted(transaction, [change.change_id for change in changes])
    return len(changes)


def _lately(
    known: dict[str, DecayedUsage], ended: list[tuple[JobRun, int]], half_life: int
) -> dict[str, DecayedUsage]:
    """Return what accounts have used lately after some more runs; those that have used more only."""
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
    """Return the jobs that run after some changes, and the runs that have ended with their ends."""
    runs, ended = dict(known), []
    for change in changes:
        if _runs(change.new_state):
            runs.setdefault(change.job_id, _run(change))
        elif change.job_id in runs:
            ended.append((runs.pop(change.job_id), change.change_time))
    return runs, ended


def _runs(word: str) -> bool:
    """Return whether a resource is busy with a job in this state."""
    return word != states.DELETED and states.normalized(word) in {State.RUNNING, State.ABORTING}


def _run(change: StateChange) -> JobRun:
    """Return a run that begins. Whoever reports it is the resource; a list of targets may still be longer."""
    resource = change.changed_by.removeprefix(_RESOURCE)
    if resource == change.changed_by:
        resource = change.target_resources[0] if change.target_resources else ""
    return JobRun(change.job_id, change.change_time, change.application, change.owners, resource)


def usage_entries(run: JobRun, end: int) -> Iterator[tuple[UsageKey, UsageTotals]]:
    """Yield what a run is counted as: the first of the owners is its user, the others are groups."""
    months = list(months_between(run.began, end))
    for number, owner in enumerate(run.owners):
        kind = "group" if number else "user"
        for place, (month, seconds) in enumerate(months, 1):
            account = UsageKey(month, kind, owner, run.application, run.resource)
            yield account, UsageTotals(int(place == len(months)), seconds)


def months_between(begin: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield the months (as 202611) of a span of time, and the seconds of it in each; at least one."""
    while True:
        at = datetime.fromtimestamp(begin, UTC)
        following = datetime(at.year + at.month // 12, at.month % 12 + 1, 1, tzinfo=UTC)
        border = min(int(following.timestamp()), end)
        yield 100 * at.year + at.month, max(0, border - begin)
        if border >= end:
            return
        begin = border


def forget_old(database: Database, oldest: int) -> int:
    """Forget changes before a time, but none that was not counted, a hundred thousand at most; how many.

    Those of a job that still is there go too: who looks for its submit then finds what its row says.
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
