"""event_queue: what the scheduler is to do, and when."""

from lgi_server.db.transaction import Transaction

SCHEDULE_CYCLE = "schedule_cycle"
CHECK_UPDATES = "check_updates"
# The look for due events is one range of the primary key; so many different ones are seen in it at most.
_AT_ONCE = 100


_QUEUE = "REPLACE INTO event_queue (event_time_stamp, event) VALUES (%s, %s)"


def insert(transaction: Transaction, event: str, when: int) -> None:
    """Queue an event, once a second at most.

    Comes last in its transaction: others that queue the same second's event wait for the commit.
    """
    transaction.execute_pipelined(_QUEUE, when, event)


def job_changed(transaction: Transaction, now: int) -> None:
    """Queue a schedule cycle within a second, so that no change of a job waits for another's commit.

    Were the process killed meanwhile, the cycle that comes by itself would do (wire.md 8).
    """
    transaction.defer_to_batch(_QUEUE, now, SCHEDULE_CYCLE)


def due(transaction: Transaction, now: int) -> dict[str, int]:
    """Return the events whose time has come, the earliest first, and when that was."""
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
    """Remove an event that is due, however often it was queued; whether it was there, so the caller's."""
    sql = "DELETE FROM event_queue WHERE event_time_stamp <= %s AND event = %s"
    return transaction.run(sql, now, event) > 0


def is_queued(transaction: Transaction, event: str, latest: int) -> bool:
    """Return whether an event is queued, for now or for no later than that."""
    sql = "SELECT 1 AS one FROM event_queue WHERE event = %s AND event_time_stamp <= %s LIMIT 1"
    return transaction.row(sql, event, latest) is not None
