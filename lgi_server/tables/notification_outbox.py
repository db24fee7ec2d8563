"""The table notification_outbox: messages to send, stored in the transaction of the change that they tell.

A scheduler takes a message by moving the time at which it is due: another one takes it when that has passed
without an outcome, so that each is sent at least once.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from lgi_server.db.transaction import Row, Transaction, placeholders

MAIL, WEBHOOK = "mail", "webhook"
# Characters of the column.
MOST_PROBLEM = 254
_NEW = "job_id, is_array, event, user_name, kind, address, facts, created, due"
_COLUMNS = f"notification_id, {_NEW}, tries, problem"


@dataclass(frozen=True)
class Message:
    """A message: ``kind`` is `MAIL` or `WEBHOOK`, ``facts`` is JSON, ``problem`` why it is not sent yet.

    ``created`` and ``due`` are in seconds; notification_id is 0 while it is not stored.
    """

    job_id: int
    is_array: int
    event: str
    user_name: str
    kind: str
    address: str
    facts: str
    created: int
    due: int
    tries: int = 0
    problem: str = ""
    notification_id: int = 0


def _message_in(row: Row) -> Message:
    return Message(**{name: row[name] for name in _COLUMNS.split(", ")})


def insert(transaction: Transaction, new: Sequence[Message]) -> None:
    """Store new messages."""
    names = _NEW.split(", ")
    one = f"({placeholders(names)})"
    transaction.execute_pipelined(
        f"INSERT INTO notification_outbox ({_NEW}) VALUES {', '.join([one] * len(new))}",
        *(getattr(message, name) for message in new for name in names),
    )


def due(transaction: Transaction, now: int, most: int) -> list[Message]:
    """Return messages that are due, the first due first."""
    rows = transaction.rows(
        f"SELECT {_COLUMNS} FROM notification_outbox WHERE due <= %s ORDER BY due, notification_id LIMIT %s",
        now,
        most,
    )
    return list(map(_message_in, rows))


def created_before(transaction: Transaction, time: int, most: int) -> list[Message]:
    """Return messages that were made before a time, in seconds."""
    rows = transaction.rows(
        f"SELECT {_COLUMNS} FROM notification_outbox WHERE created < %s ORDER BY notification_id LIMIT %s",
        time,
        most,
    )
    return list(map(_message_in, rows))


def of_job(transaction: Transaction, job_id: int, is_array: int, most: int = 10) -> list[Message]:
    """Return messages about a job or an array that are not sent."""
    rows = transaction.rows(
        f"SELECT {_COLUMNS} FROM notification_outbox WHERE job_id = %s AND is_array = %s"
        " ORDER BY notification_id LIMIT %s",
        job_id,
        is_array,
        most,
    )
    return list(map(_message_in, rows))


def take(transaction: Transaction, message: Message, until: int) -> bool:
    """Make a message due later, and return whether no other scheduler has taken it."""
    taken = transaction.run(
        "UPDATE notification_outbox SET due = %s, tries = tries + 1 WHERE notification_id = %s AND due = %s"
        " AND tries = %s",
        until,
        message.notification_id,
        message.due,
        message.tries,
    )
    return taken > 0


def postpone(
    transaction: Transaction, notification_id: int, due: int, problem: str, *, is_try: bool = True
) -> None:
    """Make a message due later, for the reason ``problem``; without ``is_try`` it was not tried."""
    transaction.run(
        "UPDATE notification_outbox SET due = %s, problem = %s, tries = tries - %s"
        " WHERE notification_id = %s",
        due,
        problem[:MOST_PROBLEM],
        0 if is_try else 1,
        notification_id,
    )


def postpone_user(transaction: Transaction, user: str, now: int, due: int, problem: str) -> None:
    """Make all messages of a user that are due by ``now`` due later, as `postpone` does."""
    transaction.run(
        "UPDATE notification_outbox SET due = %s, problem = %s WHERE due <= %s AND user_name = %s",
        due,
        problem[:MOST_PROBLEM],
        now,
        user,
    )


def delete(transaction: Transaction, notification_id: int) -> bool:
    """Delete a message and return whether it was there."""
    return transaction.run("DELETE FROM notification_outbox WHERE notification_id = %s", notification_id) > 0
