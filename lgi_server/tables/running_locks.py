"""running_locks: who has which job locked."""

from collections.abc import Sequence
from dataclasses import dataclass

from lgi_server.db.transaction import Row, Transaction, placeholders

# The oldest locks have the lowest numbers; so many of them are looked at for abandoned ones.
OLDEST = 100


@dataclass(frozen=True)
class Lock:
    """A row of running_locks."""

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
    """Return the lock in a row of a join with its job, if there was one."""
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
    """Return the jobs a session has locked."""
    rows = transaction.rows("SELECT job_id FROM running_locks WHERE session_id = %s", session_id)
    return [int(row["job_id"]) for row in rows]


def hold(transaction: Transaction, job_id: int) -> Lock | None:
    """Return the lock on a job that nobody else can change until this transaction ends."""
    row = transaction.row(
        f"SELECT job.job_id AS job_id, {LOCK_COLUMNS} FROM job_queue AS job"
        " JOIN running_locks AS held ON held.job_id = job.job_id"
        f" WHERE job.job_id = %s{transaction.for_update}",
        job_id,
    )
    return lock_in(row) if row else None


def insert(transaction: Transaction, job_id: int, resource_id: int, session_id: int, now: int) -> int:
    """Lock a job; goes with raising its lock_state. Answers the lock's number."""
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
    """Lock jobs; goes with raising their lock_state."""
    values = ", ".join(["(%s, %s, %s, %s)"] * len(job_ids))
    transaction.execute_pipelined(
        f"INSERT INTO running_locks (job_id, resource_id, lock_time, session_id) VALUES {values}",
        *(value for job_id in job_ids for value in (job_id, resource_id, now, session_id)),
    )


def delete(transaction: Transaction, job_id: int) -> None:
    """Free a job; goes with lowering its lock_state."""
    transaction.execute_pipelined("DELETE FROM running_locks WHERE job_id = %s", job_id)


def take_of_session(transaction: Transaction, session_id: int) -> list[int]:
    """Free what a session has locked; answer the jobs that were freed by this very statement."""
    rows = transaction.rows("DELETE FROM running_locks WHERE session_id = %s RETURNING job_id", session_id)
    return [int(row["job_id"]) for row in rows]


def abandoned(transaction: Transaction, oldest: int, looks: int = OLDEST) -> list[int]:
    """Return some jobs that were locked before ``oldest`` by an interface, or by a session that is gone.

    So many of the oldest locks are looked at.
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
    """Free jobs locked before ``oldest``; answer the ones that were freed by this very statement."""
    rows = transaction.rows(
        f"DELETE FROM running_locks WHERE job_id IN ({placeholders(job_ids)})"
        " AND lock_time < %s RETURNING job_id",
        *job_ids,
        oldest,
    )
    return [int(row["job_id"]) for row in rows]
