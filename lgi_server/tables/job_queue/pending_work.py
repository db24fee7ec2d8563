"""What resources wait for: jobs to take and to abort, and those that a user watches or attaches to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lgi_protocol import comma_lists
from lgi_server.db.transaction import Transaction, placeholders
from lgi_server.tables import job_exclusions
from lgi_server.tables.job_queue.jobs import NEEDS_NO_GPUS

# NEWEST: jobs read of each application and target; older ones a resource was offered already.
# MOST_SEVERAL: jobs read of those with several targets, and of those to be aborted.
NEWEST, MOST_SEVERAL = 256, 2048
# With more resources than these the targets are not compared here: the caller does that.
MOST_NAMED = 100


@dataclass(frozen=True)
class PendingJob:
    """A job that the resources in ``target_resources`` may wait for, those with GPUs if it ``needs_gpus``.

    Those in ``excluded`` do not get it.
    """

    job_id: int
    state: str
    application: str
    target_resources: tuple[str, ...]
    needs_gpus: bool = False
    excluded: tuple[str, ...] = ()

    @property
    def key(self) -> tuple[object, ...]:
        """What makes it another one for those that wait."""
        return self.job_id, self.state, self.excluded


@dataclass(frozen=True)
class Sought:
    """The applications and resources of which new jobs are waited for."""

    applications: Sequence[str] = ()
    resources: Sequence[str] = ()


# The states of a PendingJob whose output a user watches, and of one that a user attaches to.
WATCHED, ATTACHING = "watched", "attaching"
# Targets or requests in one statement; SQLite takes no more than 500 parts.
AT_ONCE = 50


def find_pending(
    transaction: Transaction,
    applications: Sequence[str],
    resources: Sequence[str],
    requests: Mapping[str, Sequence[str]] | None = None,
    *,
    new: Sought | None = None,
) -> list[PendingJob]:
    """Return the jobs that one of some resources may take (queued and unlocked) or has to abort.

    Where ``new`` is given, only what it names is searched for jobs to take: a thousand resources may wait
    without room for another job. Jobs with a request for licences are returned if ``requests`` has it for
    their application. Jobs for any resource, for each resource, and for several are searched separately, so
    that newer jobs for other targets hide none.
    """
    if not resources:
        return []
    queries = [_aborting(application, resources) for application in applications]
    new = new or Sought(applications, resources)
    for application in new.applications:
        targets = (comma_lists.ANY, *new.resources)
        for licences in ("", *(requests or {}).get(application, ())):
            queries += [_queued(application, target, licences) for target in targets]
            queries.append(_queued_for_several(application, licences, new.resources))
    found = []
    for begin in range(0, len(queries), 2 * AT_ONCE):
        found += _run(transaction, queries[begin : begin + 2 * AT_ONCE])
    return found


_COLUMNS = "job_id, state, application, target_resources, needs_gpus, excluded"
_READ = (
    f"job_id, state, application, target_resources, NOT ({NEEDS_NO_GPUS}) AS needs_gpus,"
    f" {job_exclusions.NAMES} AS excluded"
)
_Query = tuple[str, Sequence[object]]


def _queued(application: str, target: str, licences: str) -> _Query:
    return (
        f"SELECT {_READ} FROM job_queue WHERE application = %s AND queued_for = %s AND lock_state = 0"
        f" AND licences = %s ORDER BY priority DESC, job_id DESC LIMIT {NEWEST}",
        (application, target, licences),
    )


def _queued_for_several(application: str, licences: str, resources: Sequence[str]) -> _Query:
    return _for_one_of(
        f"SELECT {_READ} FROM job_queue WHERE application = %s AND queued_for = ',' AND lock_state = 0"
        " AND licences = %s ORDER BY priority DESC, job_id DESC",
        (application, licences),
        resources,
    )


def _aborting(application: str, resources: Sequence[str]) -> _Query:
    # The order of the index after application and state.
    return _for_one_of(
        f"SELECT {_READ} FROM job_queue WHERE application = %s AND state = 'aborting'"
        " ORDER BY lock_state DESC, licences DESC, priority DESC, job_id DESC",
        (application,),
        resources,
    )


def _for_one_of(those: str, parameters: Sequence[object], resources: Sequence[str]) -> _Query:
    """Return a query for those jobs of another query that have one of these resources, or any, as target."""
    if len(resources) > MOST_NAMED:
        return f"{those} LIMIT {MOST_SEVERAL}", parameters
    return (
        f"SELECT {_COLUMNS} FROM ({those} LIMIT {MOST_SEVERAL}) AS newest WHERE EXISTS"
        " (SELECT 1 FROM job_access AS target WHERE target.job_id = newest.job_id"
        f" AND target.role = 'target' AND target.name IN ({placeholders((*resources, comma_lists.ANY))}))",
        (*parameters, *resources, comma_lists.ANY),
    )


def _run(transaction: Transaction, queries: Sequence[_Query]) -> list[PendingJob]:
    parts = [f"SELECT * FROM ({query}) AS part{number}" for number, (query, _) in enumerate(queries)]
    values = (value for _, parameters in queries for value in parameters)
    return [
        PendingJob(
            row["job_id"],
            row["state"],
            row["application"],
            comma_lists.split(row["target_resources"]),
            bool(row["needs_gpus"]),
            comma_lists.split(row["excluded"] or ""),
        )
        for row in transaction.rows(" UNION ALL ".join(parts), *values)
    ]


def find_watched(transaction: Transaction, since: int) -> list[PendingJob]:
    """Return the running jobs whose output a user has requested since a time and that is not complete.

    Those with a session of LGI_attach that no daemon has answered are ATTACHING.
    """
    rows = transaction.rows(
        "SELECT job_queue.job_id AS job_id, %s AS why, application, target_resources FROM job_tails"
        " JOIN job_queue ON job_queue.job_id = job_tails.job_id"
        " WHERE asked > %s AND complete = 0 AND state NOT IN ('queued', 'finished', 'aborted')"
        " UNION ALL SELECT job_queue.job_id, %s, application, target_resources FROM attach_sessions"
        " JOIN job_queue ON job_queue.job_id = attach_sessions.job_id"
        " WHERE daemon_seen = 0 AND ended = 0 AND state = 'running'",
        WATCHED,
        since,
        ATTACHING,
    )
    return [
        PendingJob(row["job_id"], row["why"], row["application"], comma_lists.split(row["target_resources"]))
        for row in rows
    ]
