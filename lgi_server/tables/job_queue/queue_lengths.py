"""How many jobs of each application, or of each user, wait for a resource."""

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


def by_user(transaction: Transaction, application: str, target: str, after: str, most: int) -> dict[str, int]:
    """Return the numbers of queued jobs of the users whose names follow ``after``, in the order of names.

    A user who has none is left out. It ends with the user with whom it has counted ``most`` jobs, by their
    entries in an index; it is empty after the last one. ``target`` is the list of target resources, "," for
    any that has several.
    """
    found: dict[str, int] = {}
    counted = 0
    while counted < most:
        # The next user costs a step in the index: a GROUP BY would read the jobs of all others too.
        row = transaction.row(
            "SELECT MIN(queued_by) AS queued_by, COUNT(*) AS n FROM job_queue /*! FORCE INDEX (job_share) */"
            " WHERE application = %s AND queued_for = %s AND queued_by = (SELECT MIN(queued_by)"
            " FROM job_queue WHERE application = %s AND queued_for = %s AND queued_by > %s)",
            *(application, target) * 2,
            after,
        )
        if row is None or row["queued_by"] is None:
            break
        after = row["queued_by"]
        found[after] = int(row["n"])
        counted += found[after]
    return found
