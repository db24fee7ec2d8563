"""What a database that was restored from a backup knows of it: rows of turns, and locks on its queued jobs.

A job that is queued in the backup may have been started since. So each is locked until its daemon has had
the time to take it back; whoever asks for that very job gets it (`services.jobs.locking`).
"""

from dataclasses import dataclass

from lgi_server.db.transaction import Transaction
from lgi_server.tables import job_holds
from lgi_server.tables.job_queue.heartbeats import NO_DAEMON
from lgi_server.tables.job_queue.lock_states import UNLOCKED

# The resource_id of the locks; no session has them.
HOLDER = -2
# Names in turns. The second has seconds below 0 until a server has started, and then the time of the end.
_RESTORED, _QUIET = "restored", "restored: jobs are held until"
_MADE = "restored: the backup was made at"
# Years from now: a lock of no session is freed some time after it was made.
_LATER = 2**40


@dataclass(frozen=True)
class Restoration:
    """When a database was restored, and until when its queued jobs are held, in Unix seconds."""

    restored_at: int
    quiet_until: int


@dataclass(frozen=True)
class RestoredBackup:
    """When a database was restored, and when the backup was made, in Unix seconds."""

    restored_at: int
    made_at: int


def record(transaction: Transaction, now: int, quiet: int, made_at: int) -> None:
    """Store that all rows were restored at ``now``, and hold the queued jobs for ``quiet`` seconds.

    ``made_at`` is when the backup was made, in Unix seconds. The quiet seconds begin when a server starts.
    Each running job has the whole time of its application to be heard of.
    """
    for name, value in ((_RESTORED, now), (_QUIET, -quiet), (_MADE, made_at)):
        transaction.run("INSERT INTO turns (name, turn) VALUES (%s, %s)", name, value)
    transaction.run(f"UPDATE job_queue SET daemon_pulse = %s WHERE state NOT IN ({NO_DAEMON})", now)
    transaction.run(f"UPDATE job_queue SET lock_state = {UNLOCKED} WHERE lock_state <> 0")
    if quiet:
        transaction.run(
            "INSERT INTO running_locks (job_id, resource_id, lock_time, session_id)"
            " SELECT job_id, %s, %s, 0 FROM job_queue WHERE state = 'queued'",
            HOLDER,
            _LATER,
        )
        transaction.run("UPDATE job_queue SET lock_state = 1 WHERE state = 'queued'")


def backup_of(transaction: Transaction) -> RestoredBackup | None:
    """Return the backup that a database was restored from; None without one, or if an older release did."""
    rows = transaction.rows("SELECT name, turn FROM turns WHERE name IN (%s, %s)", _RESTORED, _MADE)
    found = {row["name"]: int(row["turn"]) for row in rows}
    return RestoredBackup(found[_RESTORED], found[_MADE]) if len(found) == 2 else None


def begin(transaction: Transaction, now: int) -> Restoration | None:
    """Return the restoration of a database, None if there was none; its quiet time begins once, with this."""
    rows = transaction.rows("SELECT name, turn FROM turns WHERE name IN (%s, %s)", _RESTORED, _QUIET)
    found = {row["name"]: int(row["turn"]) for row in rows}
    if _RESTORED not in found:
        return None
    until = found.get(_QUIET, 0)
    if until < 0:
        begun = now - until
        transaction.run("UPDATE turns SET turn = %s WHERE name = %s AND turn = %s", begun, _QUIET, until)
        # Should no server run at the end, others free them some time later.
        transaction.run("UPDATE running_locks SET lock_time = %s WHERE resource_id = %s", begun, HOLDER)
        until = begun
    return Restoration(found[_RESTORED], until)


def release(transaction: Transaction) -> int:
    """Free the jobs that are still held; return how many."""
    transaction.run(
        f"UPDATE job_queue SET lock_state = {UNLOCKED} WHERE job_id IN"
        " (SELECT job_id FROM running_locks WHERE resource_id = %s)",
        HOLDER,
    )
    return transaction.run("DELETE FROM running_locks WHERE resource_id = %s", HOLDER)


def free(transaction: Transaction, job_id: int, specifics: str) -> None:
    """Free a held job, and store the specifics with the reference of the daemon that has it.

    Since it was started before, nothing else holds it back any more.
    """
    job_holds.delete_all(transaction, [job_id])
    transaction.run("DELETE FROM running_locks WHERE job_id = %s AND resource_id = %s", job_id, HOLDER)
    transaction.run(
        "UPDATE job_queue SET lock_state = 0, job_specifics = %s WHERE job_id = %s", specifics, job_id
    )
