"""The table running_locks: which session has which job locked."""

from collections.abc import Sequence
from dataclasses import dataclass

from lgi_server.db.transaction import Row, Transaction, placeholders

# Locks that a search for abandoned ones reads: the oldest, which have the lowest lock_id.
OLDEST = 100


@dataclass(frozen=True)
class Lock:
    """A row of running_locks; ``lock_time`` is in seconds."""

    lock_id: int
    job_id: int
    resource_id: int
    lock_time: int
    session_id: int


LOCK_COLUMNS = (
    "held.lock_id AS held_lock_id, held.resource_id AS held_resource_id, held.lock_time AS held_lock_time,"
    " held.session_id AS held_session_id"
)


def lock_in(row: Row) -> Lock | None:
    """Return the lock in a row with the columns of `LOCK_COLUMNS`, None if the job is not locked."""
    if row["held_lock_id"] is None:
        return None
    return Lock(
        lock_id=row["held_lock_id"],
        job_id=row["job_id"],
        resource_id=row["held_resource_id"],
        lock_time=row["held_lock_time"],
        session_id=row["held_session_id"],
    )


def of_session(transaction: Transaction, session_id: int) -> list[int]:
    """Return the job_id of each job that a session has locked."""
    rows = transaction.rows("SELECT job_id FROM running_locks WHERE session_id = %s", session_id)
    return [int(row["job_id"]) for row in rows]


def hold(transaction: Transaction, job_id: int) -> Lock | None:
    """Return the lock on a job, None if there is none; the rows stay locked until the transaction ends."""
    row = transaction.row(
        f"SELECT job.job_id AS job_id, {LOCK_COLUMNS} FROM job_queue AS job"
        " JOIN running_locks AS held ON held.job_id = job.job_id"
        f" WHERE job.job_id = %s{transaction.for_update}",
        job_id,
    )
    return lock_in(row) if row else None


def insert(transaction: Transaction, job_id: int, resource_id: int, session_id: int, now: int) -> int:
    """Lock a job and return the lock_id; the caller sets lock_state too."""
    return transaction.insert(
        "INSERT INTO running_locks (job_id, resource_id, lock_time, session_id) VALUES (%s, %s, %s, %s)",
        job_id,
        resource_id,
        now,
        session_id,
    )


def insert_all(
    transaction: Transaction, job_ids: Sequence[int], resource_id: int, session_id: int, now: int
) -> None:
    """Lock jobs; the caller sets lock_state too."""
    values = ", ".join(["(%s, %s, %s, %s)"] * len(job_ids))
    transaction.execute_pipelined(
        f"INSERT INTO running_locks (job_id, resource_id, lock_time, session_id) VALUES {values}",
        *(value for job_id in job_ids for value in (job_id, resource_id, now, session_id)),
    )


def delete(transaction: Transaction, job_id: int) -> None:
    """Delete the lock on a job; the caller resets lock_state too."""
    transaction.execute_pipelined("DELETE FROM running_locks WHERE job_id = %s", job_id)


def take_of_session(transaction: Transaction, session_id: int) -> list[int]:
    """Delete the locks of a session; return the jobs that this statement has freed."""
    rows = transaction.rows("DELETE FROM running_locks WHERE session_id = %s RETURNING job_id", session_id)
    return [int(row["job_id"]) for row in rows]


def abandoned(transaction: Transaction, oldest: int, looks: int = OLDEST) -> list[int]:
    """Return jobs that were locked before ``oldest``, in seconds, by a session that does not exist.

    Only the ``looks`` oldest locks are examined.
    """
    rows = transaction.rows(
        "SELECT held.job_id FROM (SELECT job_id, lock_time, session_id FROM running_locks"
        " ORDER BY lock_id LIMIT %s) AS held"
        " LEFT JOIN running_sessions AS session ON session.session_id = held.session_id"
        " WHERE held.lock_time < %s AND session.session_id IS NULL",
        looks,
        oldest,
    )
    return [int(row["job_id"]) for row in rows]


def take_older(transaction: Transaction, job_ids: Sequence[int], oldest: int) -> list[int]:
    """Delete locks older than ``oldest``, in seconds; return the jobs that this statement has freed."""
    rows = transaction.rows(
        f"DELETE FROM running_locks WHERE job_id IN ({placeholders(job_ids)})"
        " AND lock_time < %s RETURNING job_id",
        *job_ids,
        oldest,
    )
    return [int(row["job_id"]) for row in rows]
