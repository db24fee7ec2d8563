"""The history of the queue: how many jobs are queued and run, and how many end, by hour and by day.

The scheduler counts the queue every `LOOK_SECONDS` and keeps the most of each span. Ends are counted from the
history of jobs, in the transaction that accounts for them: each once, in the hour in which the job has ended,
also when the scheduler was not running then.
"""

from collections.abc import Iterable
from functools import partial

from lgi_protocol import job_end, states
from lgi_protocol.states import State
from lgi_server.db.pool import Database
from lgi_server.db.transaction import Transaction
from lgi_server.tables import job_usage, mutexes, queue_history
from lgi_server.tables.job_history import StateChange
from lgi_server.tables.job_queue import queue_lengths
from lgi_server.tables.queue_history import PROJECT, QueueSpan, SpanKey

HOUR, DAY = 3600, 86_400
# Seconds between two counts of the queue.
LOOK_SECONDS = 300
# For this number of seconds the spans of each length are kept.
KEPT = {HOUR: 3 * DAY, DAY: 62 * DAY}


def count_queue(database: Database, now: int) -> None:
    """Add the jobs that are queued and that run at ``now``, in seconds, to the history."""
    queued = database.run(queue_lengths.by_user, write=False)
    database.run(partial(_store_counts, queued=queued, now=now))


def _store_counts(transaction: Transaction, queued: dict[str, int], now: int) -> None:
    running: dict[str, int] = {}
    for owners, number in job_usage.running_by_owners(transaction).items():
        user = owners[0] if owners else PROJECT
        running[user] = running.get(user, 0) + number
    spans = {name: QueueSpan(queued.get(name, 0), running.get(name, 0)) for name in {*queued, *running}}
    spans[PROJECT] = QueueSpan(sum(queued.values()), sum(running.values()))
    _merge(transaction, ((name, now, one) for name, one in spans.items()))


def count_ends(transaction: Transaction, changes: Iterable[StateChange]) -> None:
    """Add the jobs that have ended by these changes to the history."""
    ended = [one for one in changes if _is_end(one)]
    if not ended:
        return
    spans = [(one, QueueSpan(ended=1, failed=int(_has_failed(one)))) for one in ended]
    names = [(name, one, span) for one, span in spans for name in {PROJECT, *one.owners[:1]}]
    _merge(transaction, ((name, one.change_time, span) for name, one, span in names))


def _is_end(change: StateChange) -> bool:
    return states.has_ended(change.new_state) and not states.has_ended(change.old_state)


def _has_failed(change: StateChange) -> bool:
    return change.new_state == State.ABORTED or job_end.is_failure(change.reason)


def _merge(transaction: Transaction, spans: Iterable[tuple[str, int, QueueSpan]]) -> None:
    """Add spans of names at times to the hour and the day of each time."""
    more: dict[SpanKey, QueueSpan] = {}
    for name, when, span in spans:
        for seconds in KEPT:
            key = SpanKey(name, seconds, when - when % seconds)
            more[key] = more.get(key, QueueSpan()) + span
    mutexes.acquire(transaction, "queue_history", "SELECT 1")
    queue_history.merge(transaction, more)


def forget_old(transaction: Transaction, now: int) -> None:
    """Delete the spans that are older than they are kept."""
    queue_history.delete_before(transaction, [(seconds, now - kept) for seconds, kept in KEPT.items()])
