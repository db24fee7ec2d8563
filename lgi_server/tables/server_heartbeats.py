"""The table server_heartbeats: which servers of the project can be reached, and since when."""

from dataclasses import dataclass

from lgi_server.db.transaction import Transaction

# A server that has stored no heartbeat for so many seconds counts as unreachable during that time.
BREAK_SECONDS = 60
# The rows of servers that are gone are deleted after so many seconds.
MEMORY_SECONDS = 30 * 86_400


@dataclass(frozen=True)
class Reachable:
    """A time without a break in which a server could be reached: ``since`` and ``until``, in seconds.

    It ends with the last heartbeat: a server that has stored none since then may be down already.
    """

    since: int
    until: int


def beat(transaction: Transaction, server: str, now: int) -> bool:
    """Store the heartbeat of a server; return whether it is the first one, or the first after a break."""
    row = transaction.row("SELECT last_beat FROM server_heartbeats WHERE server = %s", server)
    # abs(): a clock that was set back is a break too.
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


def all_of_them(transaction: Transaction) -> list[tuple[str, int]]:
    """Return name and latest heartbeat, in seconds, of each server of the last days."""
    rows = transaction.rows("SELECT server, last_beat FROM server_heartbeats")
    return [(str(row["server"]), int(row["last_beat"])) for row in rows]


def latest(transaction: Transaction) -> int | None:
    """Return the time of the latest heartbeat of any server, in seconds; None if there was none."""
    row = transaction.row("SELECT MAX(last_beat) AS latest FROM server_heartbeats")
    return int(row["latest"]) if row and row["latest"] is not None else None


def reachable(transaction: Transaction, now: int) -> Reachable | None:
    """Return the latest time in which at least one server could be reached, None if none can be now.

    It lasts from 0 to ``now`` if no server has ever stored a heartbeat, as older servers do not.
    """
    rows = transaction.rows("SELECT reachable_since, last_beat FROM server_heartbeats")
    if not rows:
        return Reachable(0, now)
    spans = [
        Reachable(int(row["reachable_since"]), min(now, int(row["last_beat"])))
        for row in rows
        if abs(now - int(row["last_beat"])) <= BREAK_SECONDS
    ]
    if not spans:
        return None
    return Reachable(min(span.since for span in spans), max(span.until for span in spans))
