"""The history of the queue: how many jobs are queued and run, and how many end, by hour and by day.

The scheduler counts the queue every `LOOK_SECONDS` and keeps the most of each span. Ends are counted from the
history of jobs, in the transaction that accounts for them: each once, in the hour in which the job has ended,
also when the scheduler was not running then.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import partial

from lgi_protocol import job_end, states
from lgi_protocol.states import State
from lgi_server.db.pool import Database
from lgi_server.db.transaction import Transaction
from lgi_server.tables import job_usage, mutexes, queue_history
from lgi_server.tables.job_history import StateChange
from lgi_server.tables.job_queue import kinds, queue_lengths
from lgi_server.tables.queue_history import PROJECT, QueueSpan, SpanKey

HOUR, DAY = 3600, 86_400
# Seconds between two counts of the queue.
LOOK_SECONDS = 300
# Jobs that one transaction counts, about, and names whose spans one stores.
COUNTED_AT_ONCE, STORED_AT_ONCE = 10_000, 100
# For this number of seconds the spans of each length are kept.
KEPT = {HOUR: 3 * DAY, DAY: 62 * DAY}


def count_queue(database: Database, now: int, rest: Callable[[float], object] = time.sleep) -> None:
    """Add the jobs that are queued and that run at ``now``, in seconds, to the history.

    A long queue is counted in parts, with a ``rest`` after each that is as long, in seconds, as it has taken:
    calls do not wait for the whole of it.
    """
    queued = Counter[str]()
    for part in _queue_parts(database, rest):
        queued.update(part)
    running = database.run(_running, write=False)
    spans = {name: QueueSpan(queued[name], running[name]) for name in sorted({*queued, *running})}
    spans[PROJECT] = QueueSpan(queued.total(), running.total())
    changes = [(name, now, one) for name, one in spans.items()]
    for begin in range(0, len(changes), STORED_AT_ONCE):
        database.run(partial(_merge, spans=changes[begin : begin + STORED_AT_ONCE]))


def _queue_parts(database: Database, rest: Callable[[float], object]) -> Iterator[dict[str, int]]:
    """Yield the numbers of queued jobs of some users each, by application and target."""
    for application in database.run(kinds.applications, write=False):
        of = {"application": application}
        for target in database.run(partial(kinds.values, column="queued_for", of=of), write=False):
            count = partial(
                queue_lengths.by_user, application=application, target=target, most=COUNTED_AT_ONCE
            )
            last = ""
            began = time.monotonic()
            while part := database.run(partial(count, after=last), write=False):
                yield part
                # The order is that of the database, not of Python.
                *_, last = part
                rest(time.monotonic() - began)
                began = time.monotonic()


def _running(transaction: Transaction) -> Counter[str]:
    running = Counter[str]()
    for owners, number in job_usage.running_by_owners(transaction).items():
        running[owners[0] if owners else PROJECT] += number
    return running


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
