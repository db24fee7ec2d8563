"""What resources wait for: queued jobs to take, jobs of theirs to abort, and such that somebody looks at."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lgi_protocol import comma_lists
from lgi_server.db.transaction import Transaction, placeholders

# Of each application and target, the newest so many: what was there before, a resource was offered already.
# Of those with several targets, and of those to be aborted, so many are looked at for some resources.
NEWEST, MOST_SEVERAL = 256, 2048
# When more resources than these are meant, whoever asks looks for itself whom a job concerns.
MOST_NAMED = 100


@dataclass(frozen=True)
class PendingJob:
    """A job somebody may wait for; ``target_resources`` are who."""

    job_id: int
    state: str
    application: str
    target_resources: tuple[str, ...]


# Stands for the state of a job whose output somebody looks at.
WATCHED = "watched"
# In one statement; SQLite takes no more than 500 parts.
AT_ONCE = 50


def find_pending(
    transaction: Transaction,
    applications: Sequence[str],
    resources: Sequence[str],
    wishes: Mapping[str, Sequence[str]] | None = None,
) -> list[PendingJob]:
    """Return the jobs of some applications that are queued and unlocked, or to be aborted.

    They are those that one of some resources may take or has.

    Of jobs that want licences those of the ``wishes`` that stand beside their application. Those for any, for
    each resource, and for several are looked for by themselves: none hides behind newer ones for others.
    """
    if not resources:
        return []
    looks = [_aborting(application, resources) for application in applications]
    for application in applications:
        for wished in ("", *(wishes or {}).get(application, ())):
            looks += [_queued(application, target, wished) for target in (comma_lists.ANY, *resources)]
            looks.append(_queued_for_several(application, wished, resources))
    found = []
    for begin in range(0, len(looks), 2 * AT_ONCE):
        found += _look(transaction, looks[begin : begin + 2 * AT_ONCE])
    return found


_COLUMNS = "job_id, state, application, target_resources"
_Look = tuple[str, Sequence[object]]


def _queued(application: str, target: str, wished: str) -> _Look:
    return (
        f"SELECT {_COLUMNS} FROM job_queue WHERE application = %s AND queued_for = %s AND lock_state = 0"
        f" AND licences = %s ORDER BY priority DESC, job_id DESC LIMIT {NEWEST}",
        (application, target, wished),
    )


def _queued_for_several(application: str, wished: str, resources: Sequence[str]) -> _Look:
    return _for_one_of(
        f"SELECT {_COLUMNS} FROM job_queue WHERE application = %s AND queued_for = ',' AND lock_state = 0"
        " AND licences = %s ORDER BY priority DESC, job_id DESC",
        (application, wished),
        resources,
    )


def _aborting(application: str, resources: Sequence[str]) -> _Look:
    # The order of the index behind what is given.
    return _for_one_of(
        f"SELECT {_COLUMNS} FROM job_queue WHERE application = %s AND state = 'aborting'"
        " ORDER BY lock_state DESC, licences DESC, priority DESC, job_id DESC",
        (application,),
        resources,
    )


def _for_one_of(those: str, parameters: Sequence[object], resources: Sequence[str]) -> _Look:
    """Return those of many jobs, in their order, that one of some resources may take or has."""
    if len(resources) > MOST_NAMED:
        return f"{those} LIMIT {MOST_SEVERAL}", parameters
    return (
        f"SELECT {_COLUMNS} FROM ({those} LIMIT {MOST_SEVERAL}) AS newest WHERE EXISTS"
        " (SELECT 1 FROM job_access AS target WHERE target.job_id = newest.job_id"
        f" AND target.role = 'target' AND target.name IN ({placeholders((*resources, comma_lists.ANY))}))",
        (*parameters, *resources, comma_lists.ANY),
    )


def _look(transaction: Transaction, looks: Sequence[_Look]) -> list[PendingJob]:
    parts = [f"SELECT * FROM ({query}) AS look{number}" for number, (query, _) in enumerate(looks)]
    values = (value for _, parameters in looks for value in parameters)
    return [
        PendingJob(
            row["job_id"], row["state"], row["application"], comma_lists.split(row["target_resources"])
        )
        for row in transaction.rows(" UNION ALL ".join(parts), *values)
    ]


def find_watched(transaction: Transaction, since: int) -> list[PendingJob]:
    """Return the running jobs whose output somebody has asked for since a moment and lacks a part of."""
    rows = transaction.rows(
        "SELECT job_queue.job_id AS job_id, application, target_resources FROM job_tails"
        " JOIN job_queue ON job_queue.job_id = job_tails.job_id"
        " WHERE asked > %s AND complete = 0 AND state NOT IN ('queued', 'finished', 'aborted')",
        since,
    )
    return [
        PendingJob(row["job_id"], WATCHED, row["application"], comma_lists.split(row["target_resources"]))
        for row in rows
    ]
