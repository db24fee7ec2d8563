"""event_queue: what the scheduler is to do, and when."""

from lgi_server.database import Transaction

SCHEDULE_CYCLE = "schedule_cycle"


def insert(transaction: Transaction, event: str, when: int) -> None:
    """Queue an event, once a second at most.

    Comes last in its transaction: others that queue the same second's event wait for the commit.
    """
    transaction.later("REPLACE INTO event_queue (event_time_stamp, event) VALUES (%s, %s)", when, event)
