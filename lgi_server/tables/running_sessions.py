"""The table running_sessions: the sessions of the resources."""

from collections.abc import Sequence

from lgi_server.db.transaction import Transaction, placeholders


def insert(transaction: Transaction, resource_id: int, now: int) -> int:
    """Open a session and return its session_id."""
    return transaction.insert(
        "INSERT INTO running_sessions (resource_id, session_time_stamp) VALUES (%s, %s)", resource_id, now
    )


def renew(transaction: Transaction, session_ids: Sequence[int], now: int) -> None:
    """Store that sessions were used at ``now``, in seconds."""
    transaction.run(
        "UPDATE running_sessions SET session_time_stamp = %s"
        f" WHERE session_id IN ({placeholders(session_ids)})",
        now,
        *session_ids,
    )


def delete(transaction: Transaction, session_id: int) -> None:
    """Delete a session."""
    transaction.execute_pipelined("DELETE FROM running_sessions WHERE session_id = %s", session_id)


def expired(transaction: Transaction, oldest: int, limit: int) -> list[int]:
    """Return at most ``limit`` sessions that were last used before ``oldest``, the oldest first."""
    rows = transaction.rows(
        "SELECT session_id FROM running_sessions WHERE session_time_stamp < %s"
        " ORDER BY session_time_stamp LIMIT %s",
        oldest,
        limit,
    )
    return [int(row["session_id"]) for row in rows]


def bring_back(transaction: Transaction, latest: int, now: int) -> None:
    """Set last uses that lie after ``latest``, by a clock that was wrong, to ``now``."""
    transaction.execute_pipelined(
        "UPDATE running_sessions SET session_time_stamp = %s WHERE session_time_stamp > %s", now, latest
    )


def of_resource(transaction: Transaction, resource_id: int) -> list[int]:
    """Return the session_id of each session of a resource."""
    rows = transaction.rows("SELECT session_id FROM running_sessions WHERE resource_id = %s", resource_id)
    return [int(row["session_id"]) for row in rows]
