"""How many jobs of the whole project are queued, and how many resources have.

Both are counted for each application, which is a range of an index: jobs that have ended cost nothing.
"""

from collections.abc import Sequence

from lgi_server.db.transaction import Transaction, placeholders
from lgi_server.tables import mutexes
from lgi_server.tables.job_queue import kinds

# All states but queued, finished and aborted, as ranges of the index.
_RUNS = (
    "(job.state < 'aborted' OR job.state > 'aborted' AND job.state < 'finished'"
    " OR job.state > 'finished' AND job.state < 'queued' OR job.state > 'queued')"
)
# A queued job that a session of a resource has locked is about to run.
_OFFERED = (
    "(SELECT COUNT(*) FROM running_locks AS held JOIN job_queue AS job ON job.job_id = held.job_id"
    " WHERE job.state = 'queued' AND held.resource_id > 0)"
)


def _running(applications: Sequence[str]) -> str:
    names = placeholders(applications)
    ran = f"(SELECT COUNT(*) FROM job_queue AS job WHERE job.application IN ({names}) AND {_RUNS})"
    return f"SELECT {_OFFERED} + {ran} AS n" if applications else "SELECT 0 AS n"


def _queued(applications: Sequence[str]) -> str:
    if not applications:
        return "SELECT 0 AS n"
    names = placeholders(applications)
    return f"SELECT COUNT(*) AS n FROM job_queue WHERE state = 'queued' AND application IN ({names})"


def count_running(transaction: Transaction) -> int:
    """Return how many jobs resources have: running, being aborted, or offered."""
    applications = kinds.applications(transaction)
    row = transaction.row(_running(applications), *applications)
    return int(row["n"]) if row else 0


def count_running_alone(transaction: Transaction) -> int:
    """Return `count_running`, and hold a mutex until the transaction ends: no other one counts the same."""
    applications = kinds.applications(transaction)
    return int(mutexes.acquire(transaction, "limit running", _running(applications), *applications))


def count_queued_alone(transaction: Transaction) -> int:
    """Return how many jobs are queued, and hold a mutex until the transaction ends."""
    applications = kinds.applications(transaction)
    return int(mutexes.acquire(transaction, "limit queued", _queued(applications), *applications))
