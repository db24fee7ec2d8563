"""The table job_dependencies: which jobs wait for the ends of which others."""

from collections.abc import Sequence
from dataclasses import astuple, dataclass

from lgi_server.db.transaction import Row, Transaction, placeholders

# Kinds: the other job must have succeeded, or have ended in any way.
OK, ANY = "ok", "any"
# Other jobs that one search returns.
MOST = 100


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
    values = ", ".join([f"({placeholders(_COLUMNS.split(', '))})"] * len(new))
    transaction.execute_pipelined(
        f"INSERT INTO job_dependencies ({_COLUMNS}) VALUES {values}",
        *(value for one in new for value in astuple(one)),
    )
    others = sorted({one.after_id for one in new})
    transaction.execute_pipelined(
        f"UPDATE job_queue SET has_dependents = 1 WHERE job_id IN ({placeholders(others)})", *others
    )


def following(transaction: Transaction, after_ids: Sequence[int], limit: int) -> list[Dependency]:
    """Return what waits for the ends of these jobs, the first ``limit`` rows."""
    rows = transaction.rows(
        f"SELECT {_COLUMNS} FROM job_dependencies WHERE after_id IN ({placeholders(after_ids)})"
        " ORDER BY after_id, job_id LIMIT %s",
        *after_ids,
        limit,
    )
    return [_dependency_in(row) for row in rows]


def of_jobs(transaction: Transaction, job_ids: Sequence[int]) -> list[Dependency]:
    """Return what these jobs wait for. The rows are locked until the transaction ends."""
    rows = transaction.rows(
        f"SELECT {_COLUMNS} FROM job_dependencies WHERE job_id IN ({placeholders(job_ids)})"
        f" ORDER BY job_id, after_id{transaction.for_update}",
        *job_ids,
    )
    return [_dependency_in(row) for row in rows]


@dataclass(frozen=True)
class Predecessor:
    """A job that another waits for; its state is empty if it is deleted."""

    job_id: int
    kind: str
    state: str


def predecessors(transaction: Transaction, job_id: int) -> list[Predecessor]:
    """Return the jobs that a job waits for, in the order of their numbers."""
    rows = transaction.rows(
        "SELECT one.after_id AS after_id, one.kind AS kind, job.state AS state FROM job_dependencies AS one"
        " LEFT JOIN job_queue AS job ON job.job_id = one.after_id WHERE one.job_id = %s"
        " ORDER BY one.after_id",
        job_id,
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
        "SELECT DISTINCT one.after_id AS after_id FROM job_dependencies AS one"
        " LEFT JOIN job_queue AS job ON job.job_id = one.after_id"
        " WHERE job.job_id IS NULL OR job.state IN ('finished', 'aborted')"
        " ORDER BY one.after_id LIMIT %s",
        MOST,
    )
    return [int(row["after_id"]) for row in rows]
