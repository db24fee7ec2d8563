"""Numbers of jobs of an owner or reader, counted from the jobs that exist now."""

from collections.abc import Sequence

from lgi_server.db.transaction import Transaction

# Later than every time stamp.
LAST = 2**62


def by_application(transaction: Transaction, owner: str) -> dict[str, dict[str, int]]:
    """Return the number of jobs of an owner, by application and then by state."""
    rows = transaction.rows(
        "SELECT application, state, COUNT(*) AS n FROM job_access WHERE role = 'owner' AND name = %s"
        " GROUP BY application, state",
        owner,
    )
    found: dict[str, dict[str, int]] = {}
    for row in rows:
        found.setdefault(row["application"], {})[row["state"]] = int(row["n"])
    return found


def owned(transaction: Transaction, owner: str, application: str, active_only: bool) -> int:
    """Return how many jobs of an application an owner has.

    With ``active_only`` those that have ended or are being aborted do not count.
    """
    states = " AND state NOT IN ('finished', 'aborting', 'aborted')" if active_only else ""
    row = transaction.row(
        "SELECT COUNT(*) AS n FROM job_access"
        f" WHERE role = 'owner' AND name = %s AND application = %s{states}",
        owner,
        application,
    )
    return int(row["n"]) if row else 0


def ended_since(transaction: Transaction, reader: str, days: Sequence[int]) -> list[int]:
    """Return how many jobs that a name may read have ended within each of consecutive periods.

    ``days`` are the starts of the periods, in seconds and ascending; the last one has no end.
    """
    sums = ", ".join(
        f"SUM(CASE WHEN state_time_stamp >= %s AND state_time_stamp < %s THEN 1 ELSE 0 END) AS day{number}"
        for number in range(len(days))
    )
    limits = [limit for pair in zip(days, (*days[1:], LAST), strict=True) for limit in pair]
    row = transaction.row(
        f"SELECT {sums} FROM job_access WHERE role IN ('read', 'part') AND name = %s"
        " AND state IN ('finished', 'aborted') AND state_time_stamp >= %s",
        *limits,
        reader,
        days[0],
    )
    return [int(row[f"day{number}"] or 0) if row else 0 for number in range(len(days))]
