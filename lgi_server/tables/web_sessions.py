"""The table web_sessions: sessions of the web interface. Only the hash of the browser's key is stored."""

from lgi_server.db.transaction import Transaction, placeholders


def find(transaction: Transaction, session_hash: str, certificate: str) -> int | None:
    """Return when a session of a certificate was last used, in seconds; None when there is none."""
    row = transaction.row(
        "SELECT last_used FROM web_sessions WHERE session_hash = %s AND certificate = %s",
        session_hash,
        certificate,
    )
    return int(row["last_used"]) if row else None


def insert(transaction: Transaction, session_hash: str, certificate: str, now: int) -> None:
    """Store a session of a certificate."""
    transaction.execute_pipelined(
        "INSERT INTO web_sessions (session_hash, certificate, last_used) VALUES (%s, %s, %s)",
        session_hash,
        certificate,
        now,
    )


def use(transaction: Transaction, session_hash: str, now: int) -> None:
    """Store that a session was used at ``now``, in seconds."""
    transaction.execute_pipelined(
        "UPDATE web_sessions SET last_used = %s WHERE session_hash = %s", now, session_hash
    )


def forget(transaction: Transaction, oldest: int) -> None:
    """Delete the sessions that were last used before ``oldest``, in seconds."""
    transaction.execute_pipelined("DELETE FROM web_sessions WHERE last_used < %s", oldest)


def keep(transaction: Transaction, certificate: str, newest: int) -> None:
    """Delete all sessions of a certificate but the ``newest`` most recently used ones."""
    rows = transaction.rows(
        "SELECT session_hash FROM web_sessions WHERE certificate = %s ORDER BY last_used DESC", certificate
    )
    if surplus := [row["session_hash"] for row in rows[newest:]]:
        transaction.execute_pipelined(
            f"DELETE FROM web_sessions WHERE session_hash IN ({placeholders(surplus)})", *surplus
        )
