"""Resources that do not get a job, by rows of the job in job_access with their names.

The role ``not_on`` is that of resources that the user has excluded. With the role ``failed`` the job has just
failed there: others get it first, until the time in state_time_stamp, in seconds, when the row is deleted.
"""

from collections.abc import Sequence
from itertools import chain

from lgi_server.db.transaction import Transaction, placeholders
from lgi_server.tables.job_queue.jobs import JobRow

NOT_ON, FAILED = "not_on", "failed"
ROLES = (NOT_ON, FAILED)
_ROLES_SQL = ", ".join(f"'{role}'" for role in ROLES)
# Jobs whose rows one statement deletes; rows that one statement inserts.
MOST, _AT_ONCE = 500, 4000
_COLUMNS = "role, name, state_time_stamp, job_id, state, application"
# For a condition on a job that has been found already.
BY_JOB = "/*! FORCE INDEX (access_of_job) */"
# The condition on a ``job`` that a resource, a parameter for each role, may have it. MariaDB would compare
# six indexes for every claim, and choose that of all jobs from which the resource is excluded.
ALLOWS = " AND ".join(
    f"NOT EXISTS (SELECT 1 FROM job_access AS other {BY_JOB}"
    f" WHERE other.job_id = job.job_id AND other.role = '{role}' AND other.name = %s)"
    for role in ROLES
)
# The names of the resources that may not have a job.
NAMES = (
    "(SELECT GROUP_CONCAT(other.name) FROM job_access AS other WHERE other.job_id = job_queue.job_id"
    f" AND other.role IN ({_ROLES_SQL}))"
)


def insert(transaction: Transaction, role: str, new: Sequence[tuple[JobRow, str, int]]) -> None:
    """Store that resources are not to get jobs, in this role, until a time (0 for ever)."""
    rows = [(role, name, until, job.job_id, "", job.application) for job, name, until in new]
    for begin in range(0, len(rows), _AT_ONCE):
        some = rows[begin : begin + _AT_ONCE]
        values = ", ".join([f"({placeholders(_COLUMNS.split(','))})"] * len(some))
        transaction.execute_pipelined(
            f"REPLACE INTO job_access ({_COLUMNS}) VALUES {values}", *chain.from_iterable(some)
        )


def of_job(transaction: Transaction, job_id: int) -> dict[str, int]:
    """Return the resources that do not get a job now, and until when, in seconds; 0 for never."""
    rows = transaction.rows(
        "SELECT role, name, state_time_stamp FROM job_access"
        f" WHERE job_id = %s AND role IN ({_ROLES_SQL}) ORDER BY role, name",
        job_id,
    )
    # Those of the user come last, and stay.
    return {row["name"]: 0 if row["role"] == NOT_ON else int(row["state_time_stamp"]) for row in rows}


def known_of(transaction: Transaction, job_id: int) -> tuple[str, ...]:
    """Return those resources of the project that the user of a job has excluded."""
    rows = transaction.rows(
        "SELECT other.name AS name FROM job_access AS other JOIN active_resources"
        " ON active_resources.resource_name = other.name"
        f" WHERE other.job_id = %s AND other.role = '{NOT_ON}' ORDER BY other.name",
        job_id,
    )
    return tuple(row["name"] for row in rows)


def forget_failures(transaction: Transaction, job_ids: Sequence[int]) -> None:
    """Let all resources have these jobs on which they have failed."""
    transaction.execute_pipelined(
        f"DELETE FROM job_access WHERE job_id IN ({placeholders(job_ids)}) AND role = '{FAILED}'", *job_ids
    )


def due(transaction: Transaction, now: int) -> list[int]:
    """Return jobs that have failed on a resource which may have them again now, at most `MOST`."""
    rows = transaction.rows(
        f"SELECT DISTINCT job_id FROM job_access WHERE role = '{FAILED}' AND state_time_stamp <= %s"
        " ORDER BY job_id LIMIT %s",
        now,
        MOST,
    )
    return [int(row["job_id"]) for row in rows]


def delete_due(transaction: Transaction, job_ids: Sequence[int], now: int) -> None:
    """Let resources on which these jobs have failed get them again, those whose time is over."""
    transaction.execute_pipelined(
        f"DELETE FROM job_access WHERE job_id IN ({placeholders(job_ids)}) AND role = '{FAILED}'"
        " AND state_time_stamp <= %s",
        *job_ids,
        now,
    )
