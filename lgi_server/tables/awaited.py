"""What resources wait for: queued jobs to take, jobs of theirs to abort, and such that somebody looks at."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lgi_protocol import lists
from lgi_server.database import Transaction

# Of each application, the newest so many: what was there before, a resource has been offered already.
NEWEST = 256


@dataclass(frozen=True)
class Awaited:
    """A job somebody may wait for; ``target_resources`` are who."""

    job_id: int
    state: str
    application: str
    target_resources: tuple[str, ...]


# Stands for the state of a job whose output somebody looks at.
WATCHED = "watched"
# In one statement; SQLite takes no more than 500 parts.
AT_ONCE = 50


def look(
    transaction: Transaction,
    applications: Sequence[str],
    wishes: Mapping[str, Sequence[str]] | None = None,
) -> list[Awaited]:
    """The jobs of some applications that are queued and unlocked, or are to be aborted.

    Of jobs that want licences those of the ``wishes`` that stand beside their application.
    """
    looks = [("aborting", application, "") for application in applications]
    for application in applications:
        looks += [("queued", application, wished) for wished in ("", *(wishes or {}).get(application, ()))]
    found = []
    for begin in range(0, len(looks), 2 * AT_ONCE):
        found += _look(transaction, looks[begin : begin + 2 * AT_ONCE])
    return found


def _look(transaction: Transaction, looks: Sequence[tuple[str, str, str]]) -> list[Awaited]:
    columns = "job_id, state, application, target_resources"
    parts, parameters = [], []
    for number, (state, application, wished) in enumerate(looks):
        # The order of the index behind what is given.
        free, order = "", "lock_state DESC, licences DESC, priority DESC, job_id DESC"
        if state == "queued":
            free, order = " AND lock_state = 0 AND licences = %s", "priority DESC, job_id DESC"
        parts.append(
            f"SELECT * FROM (SELECT {columns} FROM job_queue WHERE application = %s AND state = '{state}'"
            f"{free} ORDER BY {order} LIMIT {NEWEST})"
            f" AS {state}{number}"
        )
        parameters += [application, wished] if free else [application]
    rows = transaction.rows(" UNION ALL ".join(parts), *parameters)
    return [
        Awaited(row["job_id"], row["state"], row["application"], lists.split(row["target_resources"]))
        for row in rows
    ]


def watched(transaction: Transaction, since: int) -> list[Awaited]:
    """The jobs that run, whose output somebody has looked at since a moment and does not have all of."""
    rows = transaction.rows(
        "SELECT job_queue.job_id AS job_id, application, target_resources FROM job_tails"
        " JOIN job_queue ON job_queue.job_id = job_tails.job_id"
        " WHERE asked > %s AND complete = 0 AND state NOT IN ('queued', 'finished', 'aborted')",
        since,
    )
    return [
        Awaited(row["job_id"], WATCHED, row["application"], lists.split(row["target_resources"]))
        for row in rows
    ]
