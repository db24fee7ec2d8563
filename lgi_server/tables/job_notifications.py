"""The table job_notifications: of which events of a job or an array its user is to be told, and how.

A row goes with the last event. The job of one has has_notifications 1 in job_queue; the elements of an array
have not, so that their changes cost nothing: the scheduler looks how far such arrays are.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from lgi_protocol import comma_lists
from lgi_server.db.transaction import Row, Transaction, placeholders

_COLUMNS = "job_id, is_array, events, user_name, mail, webhook"
# Arrays that the scheduler looks at in one go.
MOST_ARRAYS = 500


@dataclass(frozen=True)
class NotificationRow:
    """A row: the ``events`` (`lgi_protocol.notification`) of which the user is still to be told.

    ``mail`` and ``webhook`` are addresses, one of them may be empty. With ``is_array`` the job_id is that of
    an array.
    """

    job_id: int
    is_array: int
    events: tuple[str, ...]
    user_name: str
    mail: str
    webhook: str


def _row_in(row: Row) -> NotificationRow:
    values = {name: row[name] for name in _COLUMNS.split(", ")}
    return NotificationRow(**{**values, "events": comma_lists.split(values["events"])})


def insert(transaction: Transaction, new: Sequence[NotificationRow]) -> None:
    """Store rows."""
    one = f"({placeholders(_COLUMNS.split(', '))})"
    values = [
        value
        for row in new
        for value in (
            row.job_id,
            row.is_array,
            comma_lists.join(row.events),
            row.user_name,
            row.mail,
            row.webhook,
        )
    ]
    transaction.execute_pipelined(
        f"REPLACE INTO job_notifications ({_COLUMNS}) VALUES {', '.join([one] * len(new))}", *values
    )


def of_jobs(transaction: Transaction, job_ids: Sequence[int]) -> list[NotificationRow]:
    """Return the rows of jobs."""
    rows = transaction.rows(
        f"SELECT {_COLUMNS} FROM job_notifications WHERE is_array = 0"
        f" AND job_id IN ({placeholders(job_ids)}) ORDER BY job_id",
        *job_ids,
    )
    return list(map(_row_in, rows))


def of_arrays(transaction: Transaction, after: int = 0) -> list[NotificationRow]:
    """Return the rows of the next `MOST_ARRAYS` arrays behind one with the number ``after``."""
    rows = transaction.rows(
        f"SELECT {_COLUMNS} FROM job_notifications WHERE is_array = 1 AND job_id > %s"
        " ORDER BY job_id LIMIT %s",
        after,
        MOST_ARRAYS,
    )
    return list(map(_row_in, rows))


def of_array(transaction: Transaction, array_id: int, ending: str = "") -> NotificationRow | None:
    """Return the row of an array, None if it has none; ``ending`` is SQL."""
    row = transaction.row(
        f"SELECT {_COLUMNS} FROM job_notifications WHERE is_array = 1 AND job_id = %s{ending}", array_id
    )
    return _row_in(row) if row else None


def lock_of_array(transaction: Transaction, array_id: int) -> NotificationRow | None:
    """Return what `of_array` returns, with the row locked until the transaction ends."""
    return of_array(transaction, array_id, transaction.for_update)


def set_events(transaction: Transaction, row: NotificationRow, events: Sequence[str]) -> None:
    """Set of which events a user is still to be told."""
    transaction.run(
        "UPDATE job_notifications SET events = %s WHERE is_array = %s AND job_id = %s",
        comma_lists.join(events),
        row.is_array,
        row.job_id,
    )


def delete(transaction: Transaction, job_ids: Sequence[int], is_array: int = 0) -> None:
    """Delete rows."""
    transaction.execute_pipelined(
        f"DELETE FROM job_notifications WHERE is_array = %s AND job_id IN ({placeholders(job_ids)})",
        is_array,
        *job_ids,
    )
