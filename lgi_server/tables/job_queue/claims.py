"""Queued jobs that a resource may be offered."""

from collections.abc import Mapping, Sequence

from lgi_protocol import comma_lists
from lgi_server.db.transaction import Transaction, placeholders
from lgi_server.tables.job_queue.jobs import JobRow, job_in, prefixed

# When others hold some of the jobs, so many times as many as are wanted are looked at.
_FURTHER = 32


# What jobs wish that wish nothing, and to how many of them it can be granted.
NO_LICENCES: Mapping[str, int] = {"": 2**31}


# Where a job is that has more than one target; which those are, job_access tells.
_SEVERAL = ","


def _queues(resource: str, wishes: Mapping[str, int]) -> list[tuple[str, str, int]]:
    """Return what a resource may be offered jobs from: target, wish, and how many it may get of that."""
    targets = (comma_lists.ANY, resource, _SEVERAL)
    return [(target, wished, most) for wished, most in wishes.items() for target in targets]


def _offered(resource: str, target: str, wanted: Sequence[str]) -> tuple[str, list[str]]:
    """Return the condition on a job of an application, target and wish, and what else it needs.

    A row of running_locks counts as a lock whatever lock_state says: somebody else may have put it there.
    """
    where = (
        "application = %s AND queued_for = %s AND lock_state = 0 AND licences = %s"
        " AND NOT EXISTS (SELECT 1 FROM running_locks AS held WHERE held.job_id = job.job_id)"
    )
    parameters = []
    if target == _SEVERAL:
        where += (
            " AND EXISTS (SELECT 1 FROM job_access AS target WHERE target.job_id = job.job_id"
            " AND target.role = 'target' AND target.name IN (%s, 'any'))"
        )
        parameters.append(resource)
    refused = [value[1:].strip() for value in wanted if value.startswith("!")]
    asked = [value for value in wanted if not value.startswith("!")]
    for names, condition in ((refused, "NOT EXISTS"), ([] if comma_lists.ANY in asked else asked, "EXISTS")):
        if names:
            where += (
                f" AND {condition} (SELECT 1 FROM job_access AS owner WHERE owner.job_id = job.job_id"
                f" AND owner.role = 'owner' AND owner.name IN ({placeholders(names)}))"
            )
            parameters += names
    return where, parameters


def count(
    transaction: Transaction,
    application: str,
    resource: str,
    wanted: Sequence[str],
    wishes: Mapping[str, int] = NO_LICENCES,
) -> int:
    """Return how many queued, unlocked jobs a resource could be offered."""
    counts: list[str] = []
    values: list[str] = []
    for target, wished, _ in _queues(resource, wishes):
        where, parameters = _offered(resource, target, wanted)
        counts.append(f"(SELECT COUNT(*) FROM job_queue AS job WHERE {where})")
        values += [application, target, wished, *parameters]
    row = transaction.row(f"SELECT {' + '.join(counts)} AS n", *values)
    return int(row["n"]) if row else 0


def claim_jobs(
    transaction: Transaction,
    application: str,
    resource: str,
    wanted: Sequence[str],
    start: int,
    *,
    limit: int,
    wishes: Mapping[str, int] = NO_LICENCES,
) -> list[JobRow]:
    """Queued, unlocked jobs for a resource, lowest priority first, held until the transaction ends.

    Only jobs for this resource, or for any, and of these ``wishes`` for licences are looked at, of each wish
    as many as it says: the others are not even passed over. Jobs that another transaction holds are, so that
    many resources can ask at once. No job is held but the answered ones: whoever only comes across a job
    keeps it from nobody.
    """
    found, parameters = _found(application, resource, wanted, wishes, start + limit)
    first = f"{_search(found, 'LEFT JOIN')}{transaction.skip_locked}"
    rows = transaction.rows(first, *parameters, limit, start)
    if any(row["job_id"] is None for row in rows):
        # Only a database that locks rows comes here, so the join may be in its words: it keeps the order.
        found, parameters = _found(application, resource, wanted, wishes, start + _FURTHER * limit)
        more = f"{_search(found, 'STRAIGHT_JOIN')} LIMIT %s{transaction.skip_locked}"
        rows = transaction.rows(more, *parameters, _FURTHER * limit, start, limit)
    taken = [job for job in map(job_in, rows) if comma_lists.contains_any(job.target_resources, [resource])]
    return sorted(taken, key=lambda job: (job.priority, job.job_id))


def _found(
    application: str, resource: str, wanted: Sequence[str], wishes: Mapping[str, int], most: int
) -> tuple[str, list[str | int]]:
    """Return the first jobs of each queue, merged. Those of a queue lie in their order in the index."""
    parts, values = [], list[str | int]()
    for number, (target, wished, times) in enumerate(_queues(resource, wishes)):
        where, parameters = _offered(resource, target, wanted)
        one = f"SELECT priority, job_id FROM job_queue AS job WHERE {where} ORDER BY priority, job_id"
        parts.append(f"SELECT * FROM ({one} LIMIT %s) AS queue{number}")
        values += [application, target, wished, *parameters, min(times, most)]
    return f"({' UNION ALL '.join(parts)}) AS queues", values


def _search(found: str, join: str) -> str:
    """Find jobs without a lock, then hold each that still is queued and free; a LEFT JOIN tells of others.

    A search with locks would keep every job it comes across from all others until the transaction ends.
    """
    return (
        f"SELECT {prefixed('job')}, job.priority FROM (SELECT job_id FROM {found}"
        f" ORDER BY priority, job_id LIMIT %s OFFSET %s) AS found {join} job_queue AS job"
        " ON job.job_id = found.job_id AND job.state = 'queued' AND job.lock_state = 0"
    )
