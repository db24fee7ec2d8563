"""Numbers of the whole project: jobs by state, resources by their last call, locks and sessions."""

from typing import NamedTuple

from lgi_server.db.transaction import Transaction

SEEN = {"minute": 60, "hour": 3600, "day": 86400}


def jobs(transaction: Transaction) -> list[tuple[str, str, int]]:
    """Return application, state and number of jobs for each pair; it reads a whole index."""
    rows = transaction.rows(
        "SELECT application, state, COUNT(*) AS n FROM job_queue GROUP BY application, state"
    )
    return [(row["application"], row["state"], int(row["n"])) for row in rows]


def resources_seen(transaction: Transaction, now: int) -> dict[str, int]:
    """Return how many resources have called within the last minute, hour and day."""
    rows = transaction.rows("SELECT last_call_time FROM active_resources WHERE project_server = 0")
    times = [int(row["last_call_time"]) for row in rows]
    return {period: sum(now - time < seconds for time in times) for period, seconds in SEEN.items()}


def resources_drained(transaction: Transaction) -> dict[str, int]:
    """Return the names of the drained resources, and since when each is, in seconds."""
    rows = transaction.rows(
        "SELECT resource_name, drained_since FROM active_resources WHERE drained_since > 0"
    )
    return {row["resource_name"]: int(row["drained_since"]) for row in rows}


def rows(transaction: Transaction) -> dict[str, int]:
    """Return the number of locks and of sessions."""
    row = transaction.row(
        "SELECT (SELECT COUNT(*) FROM running_locks) AS locks,"
        " (SELECT COUNT(*) FROM running_sessions) AS sessions"
    )
    return {name: int(row[name]) for name in ("locks", "sessions")} if row else {}


class LockHolder(NamedTuple):
    """The number of jobs that a resource has locked, and the time of the oldest lock in seconds."""

    resource_name: str
    jobs: int
    since: int


def lock_holders(transaction: Transaction) -> list[LockHolder]:
    """Return the resources with locked jobs; "interface" stands for locks of no resource."""
    rows = transaction.rows(
        "SELECT COALESCE(holder.resource_name, 'interface') AS name, COUNT(*) AS n,"
        " MIN(held.lock_time) AS since FROM running_locks AS held LEFT JOIN active_resources AS holder"
        " ON holder.resource_id = held.resource_id GROUP BY holder.resource_name"
    )
    return [LockHolder(row["name"], int(row["n"]), int(row["since"])) for row in rows]
