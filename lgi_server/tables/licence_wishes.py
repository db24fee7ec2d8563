"""The table licence_wishes: the requests of jobs for licences; and which licences are in use.

A request is a text as "abaqus=1 matlab=2" (`services.jobs.licences`) in the row of its job. A job with a
request has a row in job_access with the role ``uses``, so that running ones are a range of an index. Licences
in use are counted from the jobs at each request for work: a job that ends, is unlocked or is queued again
returns them.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lgi_server.db.transaction import Transaction, placeholders
from lgi_server.tables import mutexes

# Role and name of the row in job_access of a job that requests licences.
ROLE, NAME = "uses", "licences"
# The states in which a job holds licences: all but queued, finished and aborted, as ranges of the index.
_RUNS = (
    "(one.state < 'aborted' OR one.state > 'aborted' AND one.state < 'finished'"
    " OR one.state > 'finished' AND one.state < 'queued' OR one.state > 'queued')"
)
# The request of each job that holds licences: queued and locked by a resource, running, or being aborted.
# In this order a job that starts meanwhile is counted twice, never not at all.
_HELD = (
    "SELECT job.licences AS licences FROM running_locks AS held JOIN job_queue AS job"
    " ON job.job_id = held.job_id WHERE job.state = 'queued' AND job.licences > ''"
    " UNION ALL SELECT job.licences FROM job_access AS one JOIN job_queue AS job ON job.job_id = one.job_id"
    f" WHERE one.role = '{ROLE}' AND one.name = '{NAME}' AND {_RUNS}"
)
# Whether a queued, unlocked job has exactly this request: one step into an index.
_IS_REQUESTED = (
    "EXISTS (SELECT 1 FROM job_queue AS job WHERE job.application = wish.application"
    " AND job.state = 'queued' AND job.lock_state = 0 AND job.licences = wish.licences)"
)


@dataclass(frozen=True)
class LicenceDemand:
    """What decides about a request for work.

    ``locks`` is the number of jobs the caller has locked, ``requests`` are the requests of queued, unlocked
    jobs, ``held`` is the number of jobs that hold licences, by request.
    """

    locks: int
    requests: tuple[str, ...]
    held: Mapping[str, int]


def demand(transaction: Transaction, session_id: int, application: str) -> LicenceDemand:
    """Return the demand for licences of an application's jobs, read with one statement."""
    rows = transaction.rows(
        "SELECT 'lock' AS kind, '' AS licences, COUNT(*) AS n FROM running_locks WHERE session_id = %s"
        " UNION ALL SELECT 'request', wish.licences, 0 FROM licence_wishes AS wish"
        f" WHERE wish.application = %s AND {_IS_REQUESTED}"
        f" UNION ALL SELECT 'held', licences, COUNT(*) FROM ({_HELD}) AS every_one GROUP BY licences",
        session_id,
        application,
    )
    return LicenceDemand(
        locks=sum(row["n"] for row in rows if row["kind"] == "lock"),
        requests=tuple(row["licences"] for row in rows if row["kind"] == "request"),
        held={row["licences"]: row["n"] for row in rows if row["kind"] == "held"},
    )


def requests_of(transaction: Transaction, applications: Sequence[str]) -> dict[str, list[str]]:
    """Return the different requests of queued, unlocked jobs, by application."""
    rows = transaction.rows(
        "SELECT wish.application AS application, wish.licences AS licences FROM licence_wishes AS wish"
        f" WHERE wish.application IN ({placeholders(applications)}) AND {_IS_REQUESTED}",
        *applications,
    )
    found: dict[str, list[str]] = {}
    for row in rows:
        found.setdefault(row["application"], []).append(row["licences"])
    return found


def add(transaction: Transaction, application: str, licences: str) -> None:
    """Store a request that no job of the application had before."""
    transaction.execute_pipelined(
        "REPLACE INTO licence_wishes (application, licences) VALUES (%s, %s)", application, licences
    )


def listed(transaction: Transaction) -> list[tuple[str, str]]:
    """Return application and text of all stored requests."""
    rows = transaction.rows("SELECT application, licences FROM licence_wishes")
    return [(row["application"], row["licences"]) for row in rows]


def is_used(transaction: Transaction, application: str, licences: str, states: Sequence[str]) -> bool:
    """Return whether a job of an application in one of these states has exactly this request."""
    return bool(states) and bool(
        transaction.rows(
            f"SELECT 1 FROM job_queue WHERE application = %s AND state IN ({placeholders(states)})"
            " AND lock_state IN (0, 1, 2) AND licences = %s LIMIT 1",
            application,
            *states,
            licences,
        )
    )


def remove(transaction: Transaction, application: str, licences: str) -> None:
    """Delete a stored request."""
    transaction.run(
        "DELETE FROM licence_wishes WHERE application = %s AND licences = %s", application, licences
    )


def held(transaction: Transaction) -> dict[str, int]:
    """Return the number of jobs that hold licences now, by request."""
    rows = transaction.rows(f"SELECT licences, COUNT(*) AS n FROM ({_HELD}) AS every_one GROUP BY licences")
    return {row["licences"]: row["n"] for row in rows}


def hold(transaction: Transaction) -> Mapping[str, int]:
    """Return the number of jobs that hold licences, by request, and hold a mutex until the transaction ends.

    No other transaction grants licences until then, and those granted before are counted.
    """
    query = f"SELECT GROUP_CONCAT(every_one.licences) FROM ({_HELD}) AS every_one"
    held = mutexes.acquire(transaction, "licences", query)
    return Counter(str(held).split(",") if held else ())
