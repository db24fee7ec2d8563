"""The table job_holds: what keeps queued jobs from being given out."""

from collections.abc import Sequence
from dataclasses import astuple, dataclass

from lgi_server.db.transaction import Transaction, placeholders

# Why a job is held: by a user, by jobs that it follows, until its next try, or by the limit of an array.
USER, AFTER, RETRY, ARRAY = "user", "after", "retry", "array"
# Characters of the text of a hold.
MOST_TEXT = 254
# Rows that one search returns.
MOST = 500


@dataclass(frozen=True)
class Hold:
    """A row: ``since`` and ``until`` are in seconds, ``until`` is None for a hold without an end.

    ``held_by`` is "user NAME", "job NUMBER" or "scheduler", ``text`` what is said of the hold.
    """

    job_id: int
    reason: str
    since: int
    until: int | None = None
    held_by: str = ""
    text: str = ""


_COLUMNS = "job_id, reason, since, until, held_by, text"


def insert(transaction: Transaction, holds: Sequence[Hold]) -> None:
    """Store holds, each in place of one of the same job and reason."""
    if holds:
        values = ", ".join([f"({placeholders(_COLUMNS.split(', '))})"] * len(holds))
        transaction.execute_pipelined(
            f"REPLACE INTO job_holds ({_COLUMNS}) VALUES {values}",
            *(value for hold in holds for value in astuple(hold)),
        )


def delete(transaction: Transaction, job_ids: Sequence[int], reasons: Sequence[str]) -> None:
    """Delete the holds of jobs for some reasons."""
    transaction.execute_pipelined(
        f"DELETE FROM job_holds WHERE job_id IN ({placeholders(job_ids)})"
        f" AND reason IN ({placeholders(reasons)})",
        *job_ids,
        *reasons,
    )


def delete_all(transaction: Transaction, job_ids: Sequence[int]) -> None:
    """Delete all holds of jobs."""
    transaction.execute_pipelined(
        f"DELETE FROM job_holds WHERE job_id IN ({placeholders(job_ids)})", *job_ids
    )


def of_jobs(transaction: Transaction, job_ids: Sequence[int]) -> dict[int, tuple[Hold, ...]]:
    """Return the holds of those of these jobs that have any, by job_id."""
    found: dict[int, tuple[Hold, ...]] = {}
    for begin in range(0, len(job_ids), MOST):
        some = job_ids[begin : begin + MOST]
        rows = transaction.rows(
            f"SELECT {_COLUMNS} FROM job_holds WHERE job_id IN ({placeholders(some)}) ORDER BY reason DESC",
            *some,
        )
        for row in rows:
            hold = Hold(**{name: row[name] for name in _COLUMNS.split(", ")})
            found[hold.job_id] = (*found.get(hold.job_id, ()), hold)
    return found


def due(transaction: Transaction, now: int) -> list[int]:
    """Return jobs with a hold that ends no later than ``now``, in seconds, at most `MOST`."""
    rows = transaction.rows(
        "SELECT DISTINCT job_id FROM job_holds WHERE until <= %s ORDER BY job_id LIMIT %s", now, MOST
    )
    return [int(row["job_id"]) for row in rows]


def delete_due(transaction: Transaction, job_ids: Sequence[int], now: int) -> None:
    """Delete the holds of jobs that end no later than ``now``, in seconds."""
    transaction.execute_pipelined(
        f"DELETE FROM job_holds WHERE job_id IN ({placeholders(job_ids)}) AND until <= %s", *job_ids, now
    )


def without_effect(transaction: Transaction) -> list[int]:
    """Return jobs with holds that are not queued, or queued and free, at most `MOST`; deleted ones too.

    An older server has started them or set them free.
    """
    rows = transaction.rows(
        "SELECT DISTINCT held.job_id AS job_id FROM job_holds AS held"
        " LEFT JOIN job_queue AS job ON job.job_id = held.job_id"
        " WHERE job.job_id IS NULL OR job.state <> 'queued' OR job.lock_state = 0"
        " ORDER BY held.job_id LIMIT %s",
        MOST,
    )
    return [int(row["job_id"]) for row in rows]


def counts(transaction: Transaction) -> dict[str, int]:
    """Return the number of holds by reason."""
    rows = transaction.rows("SELECT reason, COUNT(*) AS n FROM job_holds GROUP BY reason")
    return {row["reason"]: int(row["n"]) for row in rows}
