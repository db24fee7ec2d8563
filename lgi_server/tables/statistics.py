"""Numbers of the whole project: jobs by state, resources by when they were seen, locks and sessions."""

from lgi_server.db.transaction import Transaction

SEEN = {"minute": 60, "hour": 3600, "day": 86400}


def jobs(transaction: Transaction) -> list[tuple[str, str, int]]:
    """Application, state and number of the jobs; reads one index from end to end."""
    rows = transaction.rows(
        "SELECT application, state, COUNT(*) AS n FROM job_queue GROUP BY application, state"
    )
    return [(row["application"], row["state"], int(row["n"])) for row in rows]


def resources_seen(transaction: Transaction, now: int) -> dict[str, int]:
    """Return how many resources have called within the last minute, hour and day."""
    rows = transaction.rows("SELECT last_call_time FROM active_resources WHERE project_server = 0")
    times = [int(row["last_call_time"]) for row in rows]
    return {word: sum(now - time < seconds for time in times) for word, seconds in SEEN.items()}


def rows(transaction: Transaction) -> dict[str, int]:
    """Return how many locks and sessions there are."""
    row = transaction.row(
        "SELECT (SELECT COUNT(*) FROM running_locks) AS locks,"
        " (SELECT COUNT(*) FROM running_sessions) AS sessions"
    )
    return {name: int(row[name]) for name in ("locks", "sessions")} if row else {}
