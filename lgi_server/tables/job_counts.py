"""Numbers of jobs of an owner or reader, counted from the jobs that exist now."""

from collections.abc import Sequence
from itertools import pairwise

from lgi_protocol.states import State
from lgi_server.db.transaction import Transaction
from lgi_server.tables.job_access import PART, READ

# Later than every time stamp.
LAST = 2**62
# Jobs of one state that are counted: a million are one range of an index too, but a long one.
MOST = 100_000
# The states in which there may be any number of jobs; in others there are as many as resources have.
_MANY = tuple(sorted((State.QUEUED.value, State.FINISHED.value, State.ABORTED.value)))


def by_state(transaction: Transaction, role: str, name: str) -> dict[str, int]:
    """Return the number of jobs, by state, that a name owns (role "owner") or may read (role "read").

    More than `MOST` jobs in one state are not counted: their number is one more than that.
    """
    found: dict[str, int] = {}
    for one in (READ, PART) if role == READ else (role,):
        parts, parameters = _by_state(one, name)
        for row in transaction.rows(" UNION ALL ".join(parts), *parameters):
            if row["n"]:
                found[row["state"]] = min(found.get(row["state"], 0) + int(row["n"]), MOST + 1)
    return found


def _by_state(role: str, name: str) -> tuple[list[str], list[str]]:
    """Return queries of the jobs of each state, with their parameters: ranges of an index."""
    rows = "FROM job_access WHERE role = %s AND name = %s AND state"
    parts, parameters = list[str](), list[str]()
    for state in _MANY:
        some = f"SELECT 1 {rows} = %s LIMIT {MOST + 1}"
        parts.append(f"SELECT '{state}' AS state, COUNT(*) AS n FROM ({some}) AS some_{state}")
        parameters += [role, name, state]
    for after, before in pairwise(("", *_MANY)):
        parts.append(f"SELECT state, COUNT(*) AS n {rows} > %s AND state < %s GROUP BY state")
        parameters += [role, name, after, before]
    parts.append(f"SELECT state, COUNT(*) AS n {rows} > %s GROUP BY state")
    return parts, [*parameters, role, name, _MANY[-1]]


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
