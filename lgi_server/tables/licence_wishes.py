"""Licences that jobs want and have. What is in use is asked of the jobs themselves, never counted along.

A job's licences stand in job_queue as one text, and those of a job that wants any in job_access too, as
``uses``, so that the ones that run are a range of an index. Whatever ends a job, frees it or queues it
anew gives them back by that.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lgi_server.db.transaction import Transaction, placeholders
from lgi_server.tables import mutexes

# What of job_access says that a job wants licences; its state is the job's.
ROLE, NAME = "uses", "licences"
# The states in which a job has them: all but queued, finished and aborted, as ranges between those.
_RUNS = (
    "(one.state < 'aborted' OR one.state > 'aborted' AND one.state < 'finished'"
    " OR one.state > 'finished' AND one.state < 'queued' OR one.state > 'queued')"
)
# The text of each job that has licences: somebody has it locked to start it, or it runs or is to be aborted.
# In this order: one that is started while this is read is then found twice, never nowhere.
_HELD = (
    "SELECT job.licences AS licences FROM running_locks AS held JOIN job_queue AS job"
    " ON job.job_id = held.job_id WHERE job.state = 'queued' AND job.licences > ''"
    " UNION ALL SELECT job.licences FROM job_access AS one JOIN job_queue AS job ON job.job_id = one.job_id"
    f" WHERE one.role = '{ROLE}' AND one.name = '{NAME}' AND {_RUNS}"
)
# Whether a free queued job wants just this: one step into an index, however many of them there are.
_IS_WISHED = (
    "EXISTS (SELECT 1 FROM job_queue AS job WHERE job.application = wish.application"
    " AND job.state = 'queued' AND job.lock_state = 0 AND job.licences = wish.licences)"
)


@dataclass(frozen=True)
class LicenceDemand:
    """What a request for work is judged by: the caller's locks, and what free jobs want and others have."""

    locks: int
    wanted: tuple[str, ...]
    held: Mapping[str, int]


def demand(transaction: Transaction, session_id: int, application: str) -> LicenceDemand:
    """Return how things are, in one statement."""
    rows = transaction.rows(
        "SELECT 'lock' AS kind, '' AS licences, COUNT(*) AS n FROM running_locks WHERE session_id = %s"
        " UNION ALL SELECT 'wanted', wish.licences, 0 FROM licence_wishes AS wish"
        f" WHERE wish.application = %s AND {_IS_WISHED}"
        f" UNION ALL SELECT 'held', licences, COUNT(*) FROM ({_HELD}) AS every_one GROUP BY licences",
        session_id,
        application,
    )
    return LicenceDemand(
        locks=sum(row["n"] for row in rows if row["kind"] == "lock"),
        wanted=tuple(row["licences"] for row in rows if row["kind"] == "wanted"),
        held={row["licences"]: row["n"] for row in rows if row["kind"] == "held"},
    )


def wanted(transaction: Transaction, applications: Sequence[str]) -> dict[str, list[str]]:
    """Return what free queued jobs want, by application: each text once."""
    rows = transaction.rows(
        "SELECT wish.application AS application, wish.licences AS licences FROM licence_wishes AS wish"
        f" WHERE wish.application IN ({placeholders(applications)}) AND {_IS_WISHED}",
        *applications,
    )
    found: dict[str, list[str]] = {}
    for row in rows:
        found.setdefault(row["application"], []).append(row["licences"])
    return found


def wish(transaction: Transaction, application: str, licences: str) -> None:
    """Note what a job wants that nobody has wanted before for its application."""
    transaction.execute_pipelined(
        "REPLACE INTO licence_wishes (application, licences) VALUES (%s, %s)", application, licences
    )


def wished(transaction: Transaction) -> list[tuple[str, str]]:
    """Return all that jobs have ever wanted, with their applications."""
    rows = transaction.rows("SELECT application, licences FROM licence_wishes")
    return [(row["application"], row["licences"]) for row in rows]


def is_wanted(transaction: Transaction, application: str, licences: str, states: Sequence[str]) -> bool:
    """Return whether any job of an application in one of some states wants just this."""
    return bool(states) and bool(
        transaction.rows(
            f"SELECT 1 FROM job_queue WHERE application = %s AND state IN ({placeholders(states)})"
            " AND lock_state IN (0, 1) AND licences = %s LIMIT 1",
            application,
            *states,
            licences,
        )
    )


def forget_wish(transaction: Transaction, application: str, licences: str) -> None:
    """Forget what no job wants any more."""
    transaction.run(
        "DELETE FROM licence_wishes WHERE application = %s AND licences = %s", application, licences
    )


def held(transaction: Transaction) -> dict[str, int]:
    """Return how many jobs have which licences now."""
    rows = transaction.rows(f"SELECT licences, COUNT(*) AS n FROM ({_HELD}) AS every_one GROUP BY licences")
    return {row["licences"]: row["n"] for row in rows}


def hold(transaction: Transaction) -> Mapping[str, int]:
    """Return how many jobs have which licences; nobody else takes any until this transaction ends.

    The jobs are looked for once it is our turn, so what others have taken before counts.
    """
    query = f"SELECT GROUP_CONCAT(every_one.licences) FROM ({_HELD}) AS every_one"
    held = mutexes.acquire(transaction, "licences", query)
    return Counter(str(held).split(",") if held else ())
