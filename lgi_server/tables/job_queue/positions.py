"""The position of a job among the others of its application, and the jobs on a resource."""

from lgi_protocol import comma_lists
from lgi_server.db.transaction import Transaction
from lgi_server.tables.job_queue.jobs import JobRow

# Counts stop here: users need no exact number beyond it.
MOST = 10_000


def count_ahead(transaction: Transaction, job: JobRow, most: int = MOST) -> int:
    """Return how many queued jobs of its application are offered before a job, at most ``most``."""
    row = transaction.row(
        "SELECT COUNT(*) AS n FROM (SELECT one.job_id FROM job_queue AS own JOIN job_queue AS one"
        " ON one.application = own.application AND one.state = 'queued' AND one.lock_state IN (0, 1)"
        " AND (one.priority < own.priority"
        " OR one.priority = own.priority AND one.job_id < own.job_id)"
        " WHERE own.job_id = %s AND own.application = %s LIMIT %s) AS those",
        job.job_id,
        job.application,
        most,
    )
    return int(row["n"]) if row else 0


def jobs_on_resource(transaction: Transaction, resource: str) -> list[int]:
    """Return the job_id of each job that runs on a resource or is being aborted there."""
    rows = transaction.rows(
        "SELECT job.job_id AS job_id FROM job_access AS target"
        " JOIN job_queue AS job ON job.job_id = target.job_id"
        " WHERE target.role = 'target' AND target.name = %s"
        " AND job.state NOT IN ('queued', 'finished', 'aborted')",
        resource,
    )
    return [int(row["job_id"]) for row in rows]


def count_running(transaction: Transaction, application: str) -> dict[str, int]:
    """Return the number of running jobs of an application by resource; at most `MOST` jobs are counted."""
    rows = transaction.rows(
        "SELECT target_resources, COUNT(*) AS n FROM (SELECT target_resources FROM job_queue"
        " WHERE application = %s AND state = 'running' LIMIT %s) AS those GROUP BY target_resources",
        application,
        MOST,
    )
    found: dict[str, int] = {}
    for row in rows:
        for name in comma_lists.split(row["target_resources"]):
            found[name] = found.get(name, 0) + int(row["n"])
    return found
