"""The tables job_runs and job_usage: runs in progress; totals by owner, application, resource, month."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lgi_protocol import comma_lists
from lgi_server.db.transaction import Row, Transaction, placeholders


@dataclass(frozen=True)
class JobRun:
    """A job that runs since ``began``, in seconds, on ``resource``."""

    job_id: int
    began: int
    application: str
    owners: tuple[str, ...]
    resource: str


@dataclass(frozen=True)
class UsageKey:
    """What a total is counted for; ``month`` is a number as 202611, ``kind`` is "user" or "group"."""

    month: int
    kind: str
    name: str
    application: str
    resource: str


@dataclass(frozen=True)
class UsageTotals:
    """The number of runs that have ended, and the seconds that they took."""

    jobs: int = 0
    seconds: int = 0

    def __add__(self, other: "UsageTotals") -> "UsageTotals":
        return UsageTotals(self.jobs + other.jobs, self.seconds + other.seconds)


_RUN = "job_id, began, application, owners, resource"
_ACCOUNT = "month, kind, name, application, resource"
# The columns that a list of totals may be grouped by.
COLUMNS = ("month", "name", "application", "resource")


def _run_in(row: Row) -> JobRun:
    owners = comma_lists.split(row["owners"])
    return JobRun(row["job_id"], row["began"], row["application"], owners, row["resource"])


def runs(transaction: Transaction, job_ids: Sequence[int]) -> dict[int, JobRun]:
    """Return the runs in progress of these jobs, by job_id."""
    rows = transaction.rows(
        f"SELECT {_RUN} FROM job_runs WHERE job_id IN ({placeholders(job_ids)})", *job_ids
    )
    return {row["job_id"]: _run_in(row) for row in rows}


def all_runs(transaction: Transaction) -> list[JobRun]:
    """Return all runs in progress."""
    return [_run_in(row) for row in transaction.rows(f"SELECT {_RUN} FROM job_runs")]


def running_by_owners(transaction: Transaction) -> dict[tuple[str, ...], int]:
    """Return how many runs are in progress, by the owners of the jobs."""
    rows = transaction.rows("SELECT owners, COUNT(*) AS n FROM job_runs GROUP BY owners")
    return {comma_lists.split(row["owners"]): int(row["n"]) for row in rows}


def insert_runs(transaction: Transaction, began: Sequence[JobRun]) -> None:
    """Store runs that have begun."""
    values = ", ".join(["(%s, %s, %s, %s, %s)"] * len(began))
    transaction.execute_pipelined(
        f"INSERT INTO job_runs ({_RUN}) VALUES {values}",
        *(
            value
            for run in began
            for value in (run.job_id, run.began, run.application, comma_lists.join(run.owners), run.resource)
        ),
    )


def delete_runs(transaction: Transaction, job_ids: Sequence[int]) -> None:
    """Delete the runs in progress of these jobs."""
    transaction.execute_pipelined(f"DELETE FROM job_runs WHERE job_id IN ({placeholders(job_ids)})", *job_ids)


def delete_runs_of_nobody(transaction: Transaction) -> int:
    """Delete runs whose job was removed from the database by hand; return how many."""
    return transaction.run(
        "DELETE FROM job_runs WHERE NOT EXISTS"
        " (SELECT 1 FROM job_queue WHERE job_queue.job_id = job_runs.job_id)"
    )


def add(transaction: Transaction, used: Mapping[UsageKey, UsageTotals]) -> None:
    """Add to the stored totals. The caller makes sure that no other transaction does so at the same time."""
    for account, more in used.items():
        where = (account.month, account.kind, account.name, account.application, account.resource)
        changed = transaction.run(
            "UPDATE job_usage SET jobs = jobs + %s, seconds = seconds + %s"
            " WHERE month = %s AND kind = %s AND name = %s AND application = %s AND resource = %s",
            more.jobs,
            more.seconds,
            *where,
        )
        if not changed:
            transaction.run(
                f"INSERT INTO job_usage ({_ACCOUNT}, jobs, seconds) VALUES (%s, %s, %s, %s, %s, %s, %s)",
                *where,
                more.jobs,
                more.seconds,
            )


def listed(
    transaction: Transaction, kind: str, names: Sequence[str], by: Sequence[str], *, month: int, limit: int
) -> list[tuple[dict[str, str], UsageTotals]]:
    """Return totals grouped by the columns ``by`` (of `COLUMNS`), the newest month first.

    ``kind`` is "user" or "group"; without ``names`` those of all are listed. A ``month`` of 0 means every
    month.
    """
    columns = ", ".join(column for column in COLUMNS if column in by)
    where, parameters = "kind = %s", [kind]
    if names:
        where += f" AND name IN ({placeholders(names)})"
        parameters += names
    order = columns.replace("month", "month DESC")
    rows = transaction.rows(
        f"SELECT {columns}, SUM(jobs) AS jobs, SUM(seconds) AS seconds FROM job_usage"
        f" WHERE {where}{' AND month = %s' if month else ''} GROUP BY {columns} ORDER BY {order} LIMIT %s",
        *parameters,
        *([month] if month else []),
        limit,
    )
    return [
        (
            {column: str(row[column]) for column in columns.split(", ")},
            UsageTotals(int(row["jobs"]), int(row["seconds"])),
        )
        for row in rows
    ]
