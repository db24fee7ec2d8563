"""The table job_dependencies: which jobs wait for the ends of which others."""

from collections.abc import Sequence
from dataclasses import dataclass

from lgi_server.db.transaction import Row, Transaction, placeholders
from lgi_server.tables.job_queue import followed_jobs

# Kinds: the other job must have succeeded, or have ended in any way.
OK, ANY = "ok", "any"
# Other jobs that one search returns.
MOST = 100
# Rows that are inserted with one statement.
_AT_ONCE = 5000


@dataclass(frozen=True)
class Dependency:
    """A row: job ``job_id`` waits for job ``after_id``.

    ``kept`` 1: should that fail, it is held for its users instead of being aborted.
    """

    job_id: int
    after_id: int
    kind: str
    kept: int = 0


_COLUMNS = "job_id, after_id, kind, kept"


def _dependency_in(row: Row) -> Dependency:
    return Dependency(int(row["job_id"]), int(row["after_id"]), row["kind"], int(row["kept"]))


def insert(transaction: Transaction, new: Sequence[Dependency]) -> None:
    """Store dependencies, and that the other jobs have dependents."""
    if not new:
        return
    for begin in range(0, len(new), _AT_ONCE):
        some = new[begin : begin + _AT_ONCE]
        values = ", ".join(["(%s, %s, %s, %s)"] * len(some))
        transaction.execute_pipelined(
            f"INSERT INTO job_dependencies ({_COLUMNS}) VALUES {values}",
            *(value for one in some for value in (one.job_id, one.after_id, one.kind, one.kept)),
        )
    followed_jobs.mark(transaction, {one.after_id for one in new})


def following(transaction: Transaction, after_ids: Sequence[int], limit: int) -> list[Dependency]:
    """Return what waits for the ends of these jobs, the first ``limit`` rows."""
    rows = transaction.rows(
        f"SELECT {_COLUMNS} FROM job_dependencies WHERE after_id IN ({placeholders(after_ids)})"
        " ORDER BY after_id, job_id LIMIT %s",
        *after_ids,
        limit,
    )
    return [_dependency_in(row) for row in rows]


def waiting(transaction: Transaction, job_ids: Sequence[int]) -> set[int]:
    """Return those of these jobs that still wait for others.

    One row of each is read and locked, however many there are.
    """
    one = f"SELECT job_id FROM job_dependencies WHERE job_id = %s LIMIT 1{transaction.for_update}"
    parts = " UNION ALL ".join(f"SELECT * FROM ({one}) AS job{number}" for number in range(len(job_ids)))
    return {int(row["job_id"]) for row in transaction.rows(parts, *job_ids)}


@dataclass(frozen=True)
class Predecessor:
    """A job that another waits for; its state is empty if it is deleted."""

    job_id: int
    kind: str
    state: str


def count(transaction: Transaction, job_id: int) -> int:
    """Return how many jobs a job waits for."""
    row = transaction.row("SELECT COUNT(*) AS n FROM job_dependencies WHERE job_id = %s", job_id)
    return int(row["n"]) if row else 0


def predecessors(transaction: Transaction, job_id: int) -> list[Predecessor]:
    """Return the first jobs that a job waits for, in the order of their numbers, at most `MOST`."""
    rows = transaction.rows(
        "SELECT one.after_id AS after_id, one.kind AS kind, job.state AS state FROM job_dependencies AS one"
        " LEFT JOIN job_queue AS job ON job.job_id = one.after_id WHERE one.job_id = %s"
        " ORDER BY one.after_id LIMIT %s",
        job_id,
        MOST,
    )
    return [Predecessor(int(row["after_id"]), row["kind"], row["state"] or "") for row in rows]


def delete(transaction: Transaction, job_ids: Sequence[int], after_ids: Sequence[int]) -> None:
    """Delete the rows of jobs that wait for some others."""
    transaction.execute_pipelined(
        f"DELETE FROM job_dependencies WHERE job_id IN ({placeholders(job_ids)})"
        f" AND after_id IN ({placeholders(after_ids)})",
        *job_ids,
        *after_ids,
    )


def delete_of(transaction: Transaction, job_ids: Sequence[int]) -> None:
    """Delete all that jobs wait for."""
    transaction.execute_pipelined(
        f"DELETE FROM job_dependencies WHERE job_id IN ({placeholders(job_ids)})", *job_ids
    )


def unsettled(transaction: Transaction) -> list[int]:
    """Return jobs that have ended or are deleted and that others wait for all the same, at most `MOST`."""
    rows = transaction.rows(
        "SELECT one.after_id AS after_id FROM (SELECT DISTINCT after_id FROM job_dependencies) AS one"
        " LEFT JOIN job_queue AS job ON job.job_id = one.after_id"
        " WHERE job.job_id IS NULL OR job.state IN ('finished', 'aborted')"
        " ORDER BY one.after_id LIMIT %s",
        MOST,
    )
    return [int(row["after_id"]) for row in rows]
