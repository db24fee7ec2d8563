"""The table event_queue: what the scheduler has to do, and when."""

from lgi_server.db.transaction import Transaction

SCHEDULE_CYCLE = "schedule_cycle"
CHECK_UPDATES = "check_updates"
RELEASE_HOLDS = "release_holds"
SETTLE_DEPENDENTS = "settle_dependents"
# Rows read by one search for due events, which is one range of the primary key.
_AT_ONCE = 100
_QUEUE = "REPLACE INTO event_queue (event_time_stamp, event) VALUES (%s, %s)"


def insert(transaction: Transaction, event: str, when: int) -> None:
    """Queue an event for a time in seconds; the same event of the same second is one row.

    Call it last in a transaction: others that queue the same row wait for the commit.
    """
    transaction.execute_pipelined(_QUEUE, when, event)


def job_changed(transaction: Transaction, now: int) -> None:
    """Queue a schedule cycle within a second, so that no change of a job waits for another's commit.

    If the process is killed before that, the next periodic cycle takes its place (wire.md 8).
    """
    transaction.defer_to_batch(_QUEUE, now, SCHEDULE_CYCLE)


def release_holds(transaction: Transaction, when: int) -> None:
    """Queue the release of the holds that end at ``when``, in seconds, as `job_changed` does."""
    transaction.defer_to_batch(_QUEUE, when, RELEASE_HOLDS)


def dependents_left(transaction: Transaction, now: int) -> None:
    """Queue the settling of dependents within a second, as `job_changed` does."""
    transaction.defer_to_batch(_QUEUE, now, SETTLE_DEPENDENTS)


def due(transaction: Transaction, now: int) -> dict[str, int]:
    """Return the due events and the time of each, in seconds, the earliest first."""
    rows = transaction.rows(
        "SELECT event, event_time_stamp FROM event_queue WHERE event_time_stamp <= %s"
        " ORDER BY event_time_stamp, event LIMIT %s",
        now,
        _AT_ONCE,
    )
    found: dict[str, int] = {}
    for row in rows:
        found.setdefault(row["event"], row["event_time_stamp"])
    return found


def take(transaction: Transaction, event: str, now: int) -> bool:
    """Remove all due rows of an event and return whether there were any.

    Of several schedulers one gets True and handles the event.
    """
    sql = "DELETE FROM event_queue WHERE event_time_stamp <= %s AND event = %s"
    return transaction.run(sql, now, event) > 0


def is_queued(transaction: Transaction, event: str, latest: int) -> bool:
    """Return whether an event is queued for a time no later than ``latest``, in seconds."""
    sql = "SELECT 1 AS one FROM event_queue WHERE event = %s AND event_time_stamp <= %s LIMIT 1"
    return transaction.row(sql, event, latest) is not None
