"""How many jobs of each application wait for a resource."""

from collections.abc import Sequence

from lgi_server.db.transaction import Transaction

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
