"""The table attach_sessions: the sessions of LGI_attach, and what is on its way between their two ends."""

from collections.abc import Sequence
from dataclasses import dataclass

from lgi_server.db.transaction import Row, Transaction, placeholders


@dataclass(frozen=True)
class AttachRow:
    """A session between a user and the daemon of a job; times are in seconds, 0: not yet.

    The user's program and the daemon were there last at ``user_seen`` and ``daemon_seen``; data was last sent
    at ``used``, in that second ``moved`` bytes. ``input_waiting`` are those of the ``input_length`` bytes of
    the user that the daemon has not received, ``output_waiting`` likewise those for the user.
    """

    session_token: str
    job_id: int
    user_name: str
    begun: int
    user_seen: int
    used: int
    daemon_seen: int = 0
    moved: int = 0
    input_length: int = 0
    input_waiting: bytes = b""
    output_length: int = 0
    output_waiting: bytes = b""
    ended: int = 0
    end_reason: str = ""


# What changes in a session.
_CHANGING = (
    *("user_seen", "used", "daemon_seen", "moved", "input_length", "input_waiting"),
    *("output_length", "output_waiting", "ended", "end_reason"),
)
_COLUMNS = ("session_token", "job_id", "user_name", "begun", *_CHANGING)


def insert(transaction: Transaction, session: AttachRow) -> None:
    """Store a new session."""
    transaction.run(
        f"INSERT INTO attach_sessions ({', '.join(_COLUMNS)}) VALUES ({placeholders(_COLUMNS)})",
        *(getattr(session, name) for name in _COLUMNS),
    )


def lock(transaction: Transaction, token: str) -> AttachRow | None:
    """Return a session and lock its row until the transaction ends; None when there is none."""
    row = transaction.row(
        f"SELECT {', '.join(_COLUMNS)} FROM attach_sessions WHERE session_token = %s{transaction.for_update}",
        token,
    )
    return _session_in(row) if row else None


def store(transaction: Transaction, session: AttachRow) -> None:
    """Store what has changed in a session."""
    settings = ", ".join(f"{name} = %s" for name in _CHANGING)
    transaction.run(
        f"UPDATE attach_sessions SET {settings} WHERE session_token = %s",
        *(getattr(session, name) for name in _CHANGING),
        session.session_token,
    )


def set_end(transaction: Transaction, session: AttachRow) -> None:
    """Store that a session has ended; what is on its way to the user stays."""
    transaction.run(
        "UPDATE attach_sessions SET ended = %s, end_reason = %s, input_waiting = X''"
        " WHERE session_token = %s",
        session.ended,
        session.end_reason,
        session.session_token,
    )


def all_of_project(transaction: Transaction) -> list[AttachRow]:
    """Return all sessions without what is on its way: there are few."""
    plain = [name for name in _COLUMNS if not name.endswith("_waiting")]
    rows = transaction.rows(
        f"SELECT {', '.join(plain)}, '' AS input_waiting, '' AS output_waiting FROM attach_sessions"
    )
    return [_session_in(row) for row in rows]


def unanswered(transaction: Transaction, job_ids: Sequence[int]) -> list[AttachRow]:
    """Return the sessions of these jobs that their daemons have not answered yet."""
    return [
        one
        for one in all_of_project(transaction)
        if not (one.daemon_seen or one.ended) and one.job_id in job_ids
    ]


def lengths(transaction: Transaction, tokens: Sequence[str]) -> dict[str, tuple[int, int, bool]]:
    """Return the lengths of input and output of these sessions, and whether they have ended, by token."""
    rows = transaction.rows(
        "SELECT session_token, input_length, output_length, ended FROM attach_sessions"
        f" WHERE session_token IN ({placeholders(tokens)})",
        *tokens,
    )
    return {
        row["session_token"]: (row["input_length"], row["output_length"], row["ended"] > 0) for row in rows
    }


def delete(transaction: Transaction, tokens: Sequence[str]) -> None:
    """Delete sessions."""
    transaction.run(f"DELETE FROM attach_sessions WHERE session_token IN ({placeholders(tokens)})", *tokens)


def _session_in(row: Row) -> AttachRow:
    values = {name: row[name] for name in _COLUMNS}
    for name in ("input_waiting", "output_waiting"):
        values[name] = bytes(values[name] or b"")
    return AttachRow(**values)
