"""Events: what changes of jobs mean for those who have asked to be told of them.

A message is stored in the transaction of the change, so that none is lost and none is about a change that did
not happen. The scheduler looks how far arrays are: each has one message at its start and one at its end.
"""

from collections.abc import Iterable, Mapping
from functools import partial

from lgi_protocol import states
from lgi_protocol.job_end import Result
from lgi_protocol.notification import END, FAIL, START
from lgi_protocol.states import State
from lgi_server.db.pool import Database
from lgi_server.db.transaction import Transaction
from lgi_server.services.notifications import messages
from lgi_server.tables import job_arrays, job_notifications, notification_outbox
from lgi_server.tables.job_arrays import ArrayRow
from lgi_server.tables.job_notifications import NotificationRow
from lgi_server.tables.job_queue import elements
from lgi_server.tables.job_queue.jobs import JobRow
from lgi_server.tables.notification_outbox import MAIL, WEBHOOK, Message

# Seconds after its submit when an array counts as complete that has fewer elements than were announced.
ARRAY_AGE = 3600
_ENDED = frozenset(result.value for result in Result)


def record(transaction: Transaction, changed: Iterable[JobRow], now: int) -> None:
    """Store the messages about jobs that have just started or ended; nothing is read for others.

    This transaction has locked their rows. What was asked for a job that is deleted is forgotten.
    """
    jobs = {job.job_id: job for job in changed if job.has_notifications and _is_event(job)}
    if not jobs:
        return
    rows = job_notifications.of_jobs(transaction, sorted(jobs))
    for row in rows:
        _record(transaction, row, jobs[row.job_id], now)
    if over := [job_id for job_id, job in jobs.items() if job.ended or job.state == states.DELETED]:
        job_notifications.delete(transaction, sorted(over))


def _is_event(job: JobRow) -> bool:
    return bool(job.ended) or job.state == states.DELETED or _has_started(job)


def _has_started(job: JobRow) -> bool:
    return states.normalized(job.state) is State.RUNNING and job.started == job.state_time_stamp


def _record(transaction: Transaction, row: NotificationRow, job: JobRow, now: int) -> None:
    event = START if _has_started(job) else _end(row, is_failed=job.ended == Result.FAILED)
    if event not in row.events or job.state == states.DELETED:
        return
    notification_outbox.insert(transaction, _messages(row, event, messages.facts_of_job(job), now))
    if event == START:
        # It is told once, also when the job is tried again.
        job_notifications.set_events(transaction, row, [one for one in row.events if one != START])


def _end(row: NotificationRow, *, is_failed: bool) -> str:
    """Return the event of an end: one message is sent, also to who has asked for ends and failures."""
    return FAIL if is_failed and FAIL in row.events else END


def _messages(row: NotificationRow, event: str, facts: str, now: int) -> list[Message]:
    ways = [(MAIL, row.mail), (WEBHOOK, row.webhook)]
    return [
        Message(row.job_id, row.is_array, event, row.user_name, kind, address, facts, now, now)
        for kind, address in ways
        if address
    ]


def look_at_arrays(database: Database, now: int, after: int = 0) -> int:
    """Store the messages about arrays behind ``after`` that have started or ended; return the next ``after``.

    Not all arrays are looked at in one go: those of one user that wait must not hide those of others.
    """
    rows = database.run(partial(job_notifications.of_arrays, after=after), write=False)
    for row in rows:
        database.run(partial(_look_at, array_id=row.job_id, now=now))
    return rows[-1].job_id if len(rows) == job_notifications.MOST_ARRAYS else 0


def _look_at(transaction: Transaction, *, array_id: int, now: int) -> None:
    row = job_notifications.lock_of_array(transaction, array_id)
    array = job_arrays.find(transaction, array_id)
    if row is None or array is None:
        job_notifications.delete(transaction, [array_id], 1)
        return
    counts = elements.count_states(transaction, array_id)
    if _is_complete(array, counts, now):
        _end_of_array(transaction, row, array, counts, now)
    elif START in row.events and counts.keys() - {State.QUEUED}:
        _start_of_array(transaction, row, array, counts, now)


def _start_of_array(
    transaction: Transaction, row: NotificationRow, array: ArrayRow, counts: Mapping[str, int], now: int
) -> None:
    facts = messages.facts_of_array(array, counts)
    notification_outbox.insert(transaction, _messages(row, START, facts, now))
    if left := [one for one in row.events if one != START]:
        job_notifications.set_events(transaction, row, left)
    else:
        job_notifications.delete(transaction, [row.job_id], 1)


def _end_of_array(
    transaction: Transaction, row: NotificationRow, array: ArrayRow, counts: Mapping[str, int], now: int
) -> None:
    event = _end(row, is_failed=bool(counts.get(Result.FAILED)))
    if event in row.events and counts:
        facts = messages.facts_of_array(array, counts)
        notification_outbox.insert(transaction, _messages(row, event, facts, now))
    job_notifications.delete(transaction, [row.job_id], 1)


def _is_complete(array: ArrayRow, counts: Mapping[str, int], now: int) -> bool:
    """Return whether all elements have ended: those that were announced, or after a while those there are."""
    if counts.keys() - _ENDED:
        return False
    return sum(counts.values()) >= array.size or now - array.submitted > ARRAY_AGE
