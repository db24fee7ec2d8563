"""What a database that was restored from a backup knows of it: rows of the table turns, and changed jobs."""

from dataclasses import dataclass

from lgi_server.db.transaction import Transaction
from lgi_server.tables.job_queue.heartbeats import NO_DAEMON

# Seconds below 0 until the first server starts, then the time at which they are over.
_RESTORED, _QUIET = "restored", "restored: no offers before"


@dataclass(frozen=True)
class Restoration:
    """When a database was restored, and until when no jobs are offered, in Unix seconds."""

    restored_at: int
    quiet_until: int


def record(transaction: Transaction, now: int, quiet: int) -> None:
    """Store that the rows were restored at ``now``, and that no job is offered for ``quiet`` seconds.

    These begin with the first server that asks. Nothing is locked any more, and each running job has the
    whole time of its application to be heard of.
    """
    for name, value in ((_RESTORED, now), (_QUIET, -quiet)):
        transaction.run("INSERT INTO turns (name, turn) VALUES (%s, %s)", name, value)
    transaction.run("UPDATE job_queue SET lock_state = 0 WHERE lock_state <> 0")
    transaction.run(f"UPDATE job_queue SET daemon_pulse = %s WHERE state NOT IN ({NO_DAEMON})", now)


def begin_quiet(transaction: Transaction, now: int) -> Restoration | None:
    """Return the last restoration, None if there was none; its quiet time begins now unless it has begun."""
    rows = transaction.rows("SELECT name, turn FROM turns WHERE name IN (%s, %s)", _RESTORED, _QUIET)
    found = {row["name"]: int(row["turn"]) for row in rows}
    if _RESTORED not in found:
        return None
    until = found.get(_QUIET, 0)
    if until < 0:
        transaction.run(
            "UPDATE turns SET turn = %s WHERE name = %s AND turn = %s", now - until, _QUIET, until
        )
        until = now - until
    return Restoration(found[_RESTORED], until)
