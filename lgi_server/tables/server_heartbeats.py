"""server_heartbeats: which servers of the project can be reached now, and since when without a break."""

from lgi_server.db.transaction import Transaction

# A server that has written nothing for so many seconds could not be reached meanwhile.
BREAK_SECONDS = 60
# Servers that are gone are forgotten after so long.
MEMORY_SECONDS = 30 * 86_400


def beat(transaction: Transaction, server: str, now: int) -> bool:
    """Note that a server can be reached; whether that is so again after a break, or for the first time."""
    row = transaction.row("SELECT last_beat FROM server_heartbeats WHERE server = %s", server)
    # A clock that was set breaks it too.
    if row is not None and abs(now - int(row["last_beat"])) <= BREAK_SECONDS:
        transaction.run("UPDATE server_heartbeats SET last_beat = %s WHERE server = %s", now, server)
        return False
    transaction.run("DELETE FROM server_heartbeats WHERE last_beat < %s", now - MEMORY_SECONDS)
    transaction.run(
        "REPLACE INTO server_heartbeats (server, reachable_since, last_beat) VALUES (%s, %s, %s)",
        server,
        now,
        now,
    )
    return True


def reachable_since(transaction: Transaction, now: int) -> int | None:
    """Return since when at least one server could be reached without a break, None while none can.

    The result is 0 while no server has ever said so, as beside servers of before.
    """
    rows = transaction.rows("SELECT reachable_since, last_beat FROM server_heartbeats")
    if not rows:
        return 0
    reachable = [row for row in rows if abs(now - int(row["last_beat"])) <= BREAK_SECONDS]
    return min((int(row["reachable_since"]) for row in reachable), default=None)
