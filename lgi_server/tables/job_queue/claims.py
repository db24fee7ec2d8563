"""Claims: queued jobs that are offered to a resource."""

from collections.abc import Collection, Mapping, Sequence
from functools import partial

from lgi_protocol import comma_lists
from lgi_server.db.transaction import Transaction, placeholders
from lgi_server.tables import job_exclusions
from lgi_server.tables.job_queue.jobs import NEEDS_NO_GPUS, SHORT, USUAL, JobRow, job_in, prefixed

# When other transactions hold some of the jobs, further searches read this many times as many, until there
# are enough. With sixteen daemons that ask without a pause a third of them needs more than the first one.
_FURTHER = (4, 8, 32)


# The request of jobs without licences, and the number of jobs it can be granted to.
NO_LICENCES: Mapping[str, int] = {"": 2**31}


# The table whose queues are searched. MariaDB would compare three indexes for each of them, and six of
# job_access for each condition on a job's names.
_QUEUED = "job_queue AS job /*! FORCE INDEX (job_target) */"
_BY_JOB = job_exclusions.BY_JOB
# The queue of jobs with more than one target; job_access has the targets.
_SEVERAL = ","


def _queues(resource: str, requests: Mapping[str, int]) -> list[tuple[str, str, int]]:
    """Return the queues of jobs for a resource: target, request for licences, and most jobs to offer."""
    targets = (comma_lists.ANY, resource, _SEVERAL)
    return [(target, licences, most) for licences, most in requests.items() for target in targets]


def _offered(
    resource: str,
    target: str,
    owners: Sequence[str],
    without: Collection[int] = (),
    skips_gpus: bool = False,
) -> tuple[str, list[str | int]]:
    """Return the condition on a job of an application, target and request for licences, and more parameters.

    A row of running_locks counts as a lock whatever lock_state says: another program may have inserted it.
    """
    where = (
        "application = %s AND queued_for = %s AND lock_state = 0 AND licences = %s"
        " AND NOT EXISTS (SELECT 1 FROM running_locks AS held WHERE held.job_id = job.job_id)"
    )
    where += f" AND {job_exclusions.ALLOWS}"
    parameters: list[str | int] = [resource] * len(job_exclusions.ROLES)
    if skips_gpus:
        # No index has it: it is asked for where jobs for GPUs were in the way only.
        where += f" AND {NEEDS_NO_GPUS}"
    if without:
        where += f" AND job.job_id NOT IN ({placeholders(without)})"
        parameters += sorted(without)
    if target == _SEVERAL:
        where += (
            f" AND EXISTS (SELECT 1 FROM job_access AS target {_BY_JOB} WHERE target.job_id = job.job_id"
            " AND target.role = 'target' AND target.name IN (%s, 'any'))"
        )
        parameters.append(resource)
    excluded = [value[1:].strip() for value in owners if value.startswith("!")]
    included = [value for value in owners if not value.startswith("!")]
    if comma_lists.ANY in included:
        included = []
    for names, condition in ((excluded, "NOT EXISTS"), (included, "EXISTS")):
        if names:
            where += (
                f" AND {condition} (SELECT 1 FROM job_access AS owner {_BY_JOB}"
                " WHERE owner.job_id = job.job_id"
                f" AND owner.role = 'owner' AND owner.name IN ({placeholders(names)}))"
            )
            parameters += names
    return where, parameters


def count(
    transaction: Transaction,
    application: str,
    resource: str,
    owners: Sequence[str],
    requests: Mapping[str, int] = NO_LICENCES,
) -> int:
    """Return the number of queued, unlocked jobs that a resource could be offered."""
    counts: list[str] = []
    values: list[str | int] = []
    for target, licences, _ in _queues(resource, requests):
        where, parameters = _offered(resource, target, owners)
        counts.append(f"(SELECT COUNT(*) FROM job_queue AS job WHERE {where})")
        values += [application, target, licences, *parameters]
    row = transaction.row(f"SELECT {' + '.join(counts)} AS n", *values)
    return int(row["n"]) if row else 0


def claim_jobs(
    transaction: Transaction,
    application: str,
    resource: str,
    owners: Sequence[str],
    start: int,
    *,
    limit: int,
    requests: Mapping[str, int] = NO_LICENCES,
    without: Collection[int] = (),
    skips_gpus: bool = False,
    columns: str = SHORT,
    urgent_only: bool = False,
) -> list[JobRow]:
    """Return queued, unlocked jobs for a resource, lowest priority first, locked until the transaction ends.

    ``owners`` are names that an owner must have, and with "!" names that none may have. ``requests`` are the
    requests for licences that can be granted, and to how many jobs each; no other job is read, and none of
    ``without``, nor with ``skips_gpus`` one that requests GPUs. ``columns`` are `jobs.SHORT` or `jobs.WHOLE`.
    Jobs that another transaction holds are skipped, so that many resources can claim at once; only the
    returned jobs are locked. With ``urgent_only`` no other jobs are returned.
    """
    searched = partial(
        _found,
        application,
        resource,
        owners,
        requests,
        without=without,
        urgent_only=urgent_only,
        skips_gpus=skips_gpus,
    )
    found, parameters = searched(start + limit)
    first = f"{_search(found, 'LEFT JOIN', columns)}{transaction.skip_locked}"
    rows = transaction.rows(first, *parameters, limit, start)
    if any(row["job_id"] is None for row in rows):
        # Only MariaDB comes here, since SQLite locks no rows: its STRAIGHT_JOIN keeps the order.
        for times in _FURTHER:
            found, parameters = searched(start + times * limit)
            more = f"{_search(found, 'STRAIGHT_JOIN', columns)} LIMIT %s{transaction.skip_locked}"
            rows = transaction.rows(more, *parameters, times * limit, start, limit)
            if len(rows) == limit:
                break
    taken = [job for job in map(job_in, rows) if comma_lists.contains_any(job.target_resources, [resource])]
    return sorted(taken, key=lambda job: (job.priority, job.job_id))


def _found(
    application: str,
    resource: str,
    owners: Sequence[str],
    requests: Mapping[str, int],
    most: int,
    *,
    without: Collection[int],
    urgent_only: bool,
    skips_gpus: bool,
) -> tuple[str, list[str | int]]:
    """Return a query for the first jobs of each queue, in the order of an index, and its parameters."""
    parts, values = [], list[str | int]()
    narrowed = f" AND priority < {USUAL}" if urgent_only else ""
    for number, (target, licences, times) in enumerate(_queues(resource, requests)):
        where, parameters = _offered(resource, target, owners, without, skips_gpus)
        where += narrowed
        one = f"SELECT priority, job_id FROM {_QUEUED} WHERE {where} ORDER BY priority, job_id"
        parts.append(f"SELECT * FROM ({one} LIMIT %s) AS queue{number}")
        values += [application, target, licences, *parameters, min(times, most)]
    return f"({' UNION ALL '.join(parts)}) AS queues", values


def _search(found: str, join: str, columns: str) -> str:
    """Return a query that finds jobs without locking rows, then locks each that is still queued and unlocked.

    A search that locks rows would keep every job it reads from other resources until the transaction ends.
    With a LEFT JOIN, jobs that another transaction holds give rows of NULL.
    """
    return (
        f"SELECT {prefixed('job', columns)}, job.priority FROM (SELECT job_id FROM {found}"
        f" ORDER BY priority, job_id LIMIT %s OFFSET %s) AS found {join} job_queue AS job"
        " ON job.job_id = found.job_id AND job.state = 'queued' AND job.lock_state = 0"
    )
