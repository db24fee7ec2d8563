"""The jobs that repositories belong to."""

from collections.abc import Sequence

from lgi_server.db.transaction import Transaction, placeholders
from lgi_server.tables.job_queue.jobs import SHORT, JobRow, job_in


def find_job(transaction: Transaction, repository: str) -> JobRow | None:
    """Return the job that a repository belongs to, without input and output; None if there is none."""
    row = transaction.row(
        f"SELECT {SHORT} FROM job_queue WHERE repository = %s",
        repository,
    )
    return job_in(row) if row else None


def names_among(transaction: Transaction, names: Sequence[str]) -> list[str]:
    """Return those of these repositories that belong to a job."""
    rows = transaction.rows(
        f"SELECT repository FROM job_queue WHERE repository IN ({placeholders(names)})", *names
    )
    return [row["repository"] for row in rows]
