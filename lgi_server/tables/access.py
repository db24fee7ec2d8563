"""job_access: the comma lists of a job, one name a row."""

from collections.abc import Sequence

from lgi_server.database import Transaction
from lgi_server.tables.jobs import Job


def insert(transaction: Transaction, job_id: int, job: Job) -> None:
    """Add the names of a new job in one statement."""
    rows = [
        (job_id, role, name)
        for role, names in (
            ("owner", job.owners),
            ("read", job.read_access),
            ("write", job.write_access),
            ("target", job.target_resources),
        )
        for name in names
    ]
    values = ", ".join(["(%s, %s, %s)"] * len(rows))
    transaction.run(
        f"INSERT INTO job_access (job_id, role, name) VALUES {values}",
        *(value for row in rows for value in row),
    )


def set_targets(transaction: Transaction, job_id: int, targets: Sequence[str]) -> None:
    """Replace the targets of a job."""
    transaction.run("DELETE FROM job_access WHERE job_id = %s AND role = 'target'", job_id)
    values = ", ".join(["(%s, 'target', %s)"] * len(targets))
    transaction.run(
        f"INSERT INTO job_access (job_id, role, name) VALUES {values}",
        *(value for name in targets for value in (job_id, name)),
    )


def delete(transaction: Transaction, job_id: int) -> None:
    """Remove the names of a job."""
    transaction.run("DELETE FROM job_access WHERE job_id = %s", job_id)


def count_owned(transaction: Transaction, owner: str, application: str, active_only: bool) -> int:
    """How many jobs of an application an owner has; only queued and running ones when asked so."""
    states = " AND job.state NOT IN ('finished', 'aborting', 'aborted')" if active_only else ""
    row = transaction.row(
        "SELECT COUNT(*) AS n FROM job_access AS access JOIN job_queue AS job ON job.job_id = access.job_id"
        f" WHERE access.role = 'owner' AND access.name = %s AND job.application = %s{states}",
        owner,
        application,
    )
    return int(row["n"]) if row else 0
