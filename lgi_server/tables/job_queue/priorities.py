"""The order of queued jobs: the queues of users, their first jobs, and priorities."""

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass

from lgi_protocol import comma_lists
from lgi_server.db.transaction import Row, Transaction, placeholders
from lgi_server.tables.job_queue import kinds
from lgi_server.tables.job_queue.jobs import USUAL

# Queues read, or jobs changed, in one statement; SQLite takes no more than 500 parts.
AT_ONCE = 50
# Index entries read by each part of a statement that searches for queues.
_ENTRIES = 200
# The columns that tell the queues of a target apart.
_KEY = "queued_by, queued_wish, user_priority"
# The remaining queues of one user and wish, those of the user, and those of the following users: condition
# and order of each part.
_PARTS = {
    "same": ("queued_by = %s AND queued_wish = %s AND user_priority > %s", "user_priority"),
    "rest": ("queued_by = %s AND queued_wish > %s", "queued_wish, user_priority"),
    "beyond": ("queued_by > %s", _KEY),
}
# Without FORCE INDEX MariaDB reads from the target's first entry each time.
_NEXT = " UNION ALL ".join(
    f"SELECT '{part}' AS part, {_KEY}, COUNT(*) AS entries FROM ("
    f"SELECT {_KEY} FROM job_queue /*! FORCE INDEX (job_share) */"
    f" WHERE application = %s AND queued_for = %s AND {where} ORDER BY {order} LIMIT {_ENTRIES}"
    f") AS {part} GROUP BY {_KEY}"
    for part, (where, order) in _PARTS.items()
)


@dataclass(frozen=True)
class Queue:
    """The queued jobs of a user for an application and a target; all with several targets form one queue.

    Jobs with different requests for licences are in different queues: ``licences_length`` is the length of
    the text of the request, 0 for none. So are those to which the user has given different priorities.
    """

    application: str
    target: str
    user: str
    licences_length: int = 0
    user_priority: int = 0


@dataclass(frozen=True)
class Queued:
    """A queued job and its priority: the lower number starts first."""

    job_id: int
    priority: int
    application: str
    owners: tuple[str, ...]
    target_resources: tuple[str, ...]
    licences: str
    submitted: int
    user_priority: int


def queues(transaction: Transaction) -> list[Queue]:
    """Return the queues that are not empty.

    Only the first index entries of each queue are read, so the cost grows with the number of queues, not with
    the number of jobs.
    """
    return [
        queue
        for application in kinds.applications(transaction)
        for target in kinds.values(transaction, "queued_for", {"application": application})
        for queue in _of_target(transaction, application, target)
    ]


def _of_target(transaction: Transaction, application: str, target: str) -> list[Queue]:
    """Return the queues for a target, reading some index entries at a time."""
    last: tuple[str, int, int] = ("", -1, 0)
    found: list[Queue] = []
    while True:
        values = ((application, target, *last[:length]) for length in (3, 2, 1))
        rows = transaction.rows(_NEXT, *(value for some in values for value in some))
        news = list[tuple[str, int, int]]()
        is_full = False
        for name in _PARTS:
            part = [row for row in rows if row["part"] == name]
            news += [(row["queued_by"], row["queued_wish"], row["user_priority"]) for row in part]
            if is_full := sum(row["entries"] for row in part) == _ENTRIES:
                # What follows comes behind what this part has not read.
                break
        found += [Queue(application, target, *key) for key in news]
        if not is_full:
            return found
        last = max(news)


def heads(transaction: Transaction, limits: Mapping[Queue, int]) -> dict[Queue, list[Queued]]:
    """Return the first jobs of each of some queues, at most so many of each: none held, none urgent."""
    return _read(transaction, limits, "")


def placed(transaction: Transaction, limits: Mapping[Queue, int]) -> dict[Queue, list[Queued]]:
    """Return those of these jobs that the scheduler has ordered already."""
    return _read(transaction, limits, " AND priority < 0")


def _read(transaction: Transaction, limits: Mapping[Queue, int], condition: str) -> dict[Queue, list[Queued]]:
    some = list(limits)
    found: dict[Queue, list[Queued]] = {queue: [] for queue in some}
    for begin in range(0, len(some), AT_ONCE):
        part = some[begin : begin + AT_ONCE]
        queries = [
            f"SELECT * FROM (SELECT {number} AS place, job_id, priority, application, owners,"
            " target_resources, licences, COALESCE(submitted, state_time_stamp) AS submitted, user_priority"
            " FROM job_queue WHERE application = %s AND queued_for = %s AND queued_by = %s"
            f" AND queued_wish = %s AND user_priority = %s{condition} AND priority > {USUAL}"
            " AND lock_state <> 2"
            f" ORDER BY priority, job_id LIMIT %s) AS queue{number}"
            for number in range(len(part))
        ]
        values = (value for one in part for value in (*astuple(one), limits[one]))
        for row in transaction.rows(" UNION ALL ".join(queries), *values):
            found[part[row["place"]]].append(_queued(row))
    return found


def _queued(row: Row) -> Queued:
    return Queued(
        row["job_id"],
        row["priority"],
        row["application"],
        comma_lists.split(row["owners"]),
        comma_lists.split(row["target_resources"]),
        row["licences"],
        row["submitted"],
        row["user_priority"],
    )


def set_priorities(transaction: Transaction, priorities: Mapping[int, int]) -> None:
    """Set the priorities of those of these jobs that are still queued."""
    job_ids = sorted(priorities)
    cases = " ".join(["WHEN %s THEN %s"] * len(job_ids))
    transaction.run(
        f"UPDATE job_queue SET priority = CASE job_id {cases} ELSE priority END"
        f" WHERE job_id IN ({placeholders(job_ids)}) AND state = 'queued'",
        *(value for job_id in job_ids for value in (job_id, priorities[job_id])),
        *job_ids,
    )


def near_deadlines(transaction: Transaction, steps: Mapping[int, int], since: int) -> dict[int, list[int]]:
    """Return queued jobs by the priority that they are to have at least, at most `AT_ONCE` times 10 jobs.

    ``steps`` has for each time that priority for jobs whose deadline is no later. Deadlines before ``since``
    were seen before. Times are in seconds.
    """
    parts = " OR ".join(["(deadline <= %s AND user_priority < %s)"] * len(steps))
    rows = transaction.rows(
        "SELECT job_id, deadline FROM job_queue WHERE deadline > %s AND deadline <= %s AND state = 'queued'"
        f" AND ({parts}) ORDER BY deadline LIMIT {10 * AT_ONCE}",
        since,
        max(steps),
        *(value for step in steps.items() for value in step),
    )
    found: dict[int, list[int]] = {}
    for row in rows:
        priority = max(least for when, least in steps.items() if row["deadline"] <= when)
        found.setdefault(priority, []).append(int(row["job_id"]))
    return found


def set_user_priority(transaction: Transaction, job_ids: Sequence[int], user_priority: int) -> None:
    """Give queued jobs a priority among those of their user.

    Their places are those of new jobs until the scheduler orders the queue, but urgent ones keep theirs.
    """
    transaction.execute_pipelined(
        "UPDATE job_queue SET user_priority = %s, priority ="
        f" CASE WHEN priority < {USUAL} THEN priority ELSE COALESCE(submitted, state_time_stamp) END"
        f" WHERE job_id IN ({placeholders(job_ids)}) AND state = 'queued'",
        user_priority,
        *job_ids,
    )


def set_deadline(transaction: Transaction, job_ids: Sequence[int], deadline: int | None) -> None:
    """Give queued jobs a deadline, in seconds since 1970, or none."""
    transaction.execute_pipelined(
        f"UPDATE job_queue SET deadline = %s WHERE job_id IN ({placeholders(job_ids)}) AND state = 'queued'",
        deadline,
        *job_ids,
    )
