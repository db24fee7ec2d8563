"""How many jobs of each application, or of each user, wait for a resource."""

from collections.abc import Sequence

from lgi_server.db.transaction import Transaction
from lgi_server.tables.job_queue import kinds

# Jobs of an application that are counted.
MOST = 10_000


def queued(transaction: Transaction, applications: Sequence[str]) -> dict[str, int]:
    """Return the number of queued jobs of each application, at most `MOST` + 1, which is "more"."""
    if not applications:
        return {}
    one = (
        "SELECT %s AS application, (SELECT COUNT(*) FROM (SELECT 1 FROM job_queue WHERE application = %s"
        " AND state = 'queued' LIMIT %s) AS some) AS n"
    )
    parameters = [value for name in applications for value in (name, name, MOST + 1)]
    rows = transaction.rows(" UNION ALL ".join([one] * len(applications)), *parameters)
    return {row["application"]: int(row["n"]) for row in rows}


def by_user(transaction: Transaction) -> dict[str, int]:
    """Return the number of queued jobs of each user who has any; it reads their entries in an index."""
    found: dict[str, int] = {}
    for application in kinds.applications(transaction):
        for target in kinds.values(transaction, "queued_for", {"application": application}):
            rows = transaction.rows(
                "SELECT queued_by, COUNT(*) AS n FROM job_queue /*! FORCE INDEX (job_share) */"
                " WHERE application = %s AND queued_for = %s GROUP BY queued_by",
                application,
                target,
            )
            for row in rows:
                found[row["queued_by"]] = found.get(row["queued_by"], 0) + int(row["n"])
    return found
