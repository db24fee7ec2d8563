"""Urgent jobs, by their rows in job_access with the role ``urgent``, and the groups that may have some.

Such a job has a row with the name of the group by whose right it is urgent, for the limit, and one with the
name ``any``, so that queued ones are a range of an index. The right of a group is a row of groups_allowed
whose application is `APPLICATION`, which no application can be called: so servers of LGI and of earlier
versions take the change that makes it, as they take any other rule.
"""

from collections.abc import Sequence

from lgi_protocol import comma_lists
from lgi_protocol.states import State
from lgi_server.db.transaction import Transaction, placeholders
from lgi_server.tables import mutexes
from lgi_server.tables.job_queue.jobs import JobRow

ROLE, APPLICATION = "urgent", "!urgent"
_COUNT = (
    f"SELECT COUNT(*) AS number FROM job_access AS one WHERE one.role = '{ROLE}' AND one.name = %s"
    " AND one.state NOT IN ('finished', 'aborting', 'aborted')"
)


def names(job: JobRow) -> list[tuple[str, str]]:
    """Return role and name of each row in job_access that an urgent job has beside the usual ones."""
    return [(ROLE, job.urgent_group), (ROLE, comma_lists.ANY)]


def limits(transaction: Transaction, groups: Sequence[str]) -> dict[str, int]:
    """Return how many urgent jobs those of these groups may have at once that may have any."""
    rows = transaction.rows(
        "SELECT group_name, job_limit FROM groups_allowed"
        f" WHERE application = %s AND group_name IN ({placeholders(groups)})",
        APPLICATION,
        *groups,
    )
    return {row["group_name"]: abs(int(row["job_limit"])) for row in rows}


def count(transaction: Transaction, group: str) -> int:
    """Return how many urgent jobs a group has that have not ended and are not being aborted."""
    row = transaction.row(_COUNT, group)
    return int(row["number"]) if row else 0


def count_alone(transaction: Transaction, group: str) -> int:
    """Return `count`, and hold a mutex until the transaction ends, so that no other one counts the same."""
    return int(mutexes.acquire(transaction, f"limit {APPLICATION} {group}", _COUNT, group))


def queued_applications(transaction: Transaction) -> set[str]:
    """Return the applications of queued urgent jobs."""
    rows = transaction.rows(
        "SELECT DISTINCT application FROM job_access WHERE role = %s AND name = %s AND state = %s",
        ROLE,
        comma_lists.ANY,
        State.QUEUED,
    )
    return {row["application"] for row in rows}
