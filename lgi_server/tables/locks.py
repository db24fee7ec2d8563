"""running_locks: who has which job locked."""

from collections.abc import Sequence
from dataclasses import dataclass

from lgi_server.database import Row, Transaction


@dataclass(frozen=True)
class Lock:
    """A row of running_locks."""

    lock_id: int
    job_id: int
    resource_id: int
    lock_time: int
    session_id: int


def _lock(row: Row) -> Lock:
    return Lock(**dict(row))


_COLUMNS = "lock_id, job_id, resource_id, lock_time, session_id"


def of_job(transaction: Transaction, job_id: int) -> Lock | None:
    """The lock on a job."""
    row = transaction.row(f"SELECT {_COLUMNS} FROM running_locks WHERE job_id = %s", job_id)
    return _lock(row) if row else None


def of_session(transaction: Transaction, session_id: int) -> list[int]:
    """The jobs a session has locked."""
    rows = transaction.rows("SELECT job_id FROM running_locks WHERE session_id = %s", session_id)
    return [int(row["job_id"]) for row in rows]


def insert(
    transaction: Transaction, job_ids: Sequence[int], resource_id: int, session_id: int, now: int
) -> None:
    """Lock jobs; goes with raising their lock_state."""
    values = ", ".join(["(%s, %s, %s, %s)"] * len(job_ids))
    transaction.run(
        f"INSERT INTO running_locks (job_id, resource_id, lock_time, session_id) VALUES {values}",
        *(value for job_id in job_ids for value in (job_id, resource_id, now, session_id)),
    )


def delete(transaction: Transaction, job_id: int) -> None:
    """Free a job; goes with lowering its lock_state."""
    transaction.run("DELETE FROM running_locks WHERE job_id = %s", job_id)


def delete_of_session(transaction: Transaction, session_id: int) -> None:
    """Free what a session has locked."""
    transaction.run("DELETE FROM running_locks WHERE session_id = %s", session_id)
