"""The order of queued jobs: the queues of users, their first jobs, and priorities."""

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass

from lgi_protocol import comma_lists
from lgi_server.db.transaction import Row, Transaction, placeholders
from lgi_server.tables.job_queue import kinds
from lgi_server.tables.job_queue.jobs import USUAL

# Queues read, or jobs changed, in one statement; SQLite takes no more than 500 parts.
AT_ONCE = 50
# Index entries read in one range, and users that are then found one by one.
_ENTRIES, _STEPS = 200, 16
_OF_TARGET = "FROM job_queue /*! FORCE INDEX (job_share) */ WHERE application = %s AND queued_for = %s"
_RANGE = (
    f"SELECT queued_by, queued_wish, user_priority {_OF_TARGET} AND queued_by >= %s"
    f" ORDER BY queued_by, queued_wish, user_priority LIMIT {_ENTRIES}"
)
# What follows a queue of a user: the next and the last one with the same wish, the next wish, the next user.
# Each is one step in the index, however many jobs the queues have.
_STEP = (
    f"SELECT (SELECT MIN(user_priority) {_OF_TARGET} AND queued_by = %s AND queued_wish = %s"
    " AND user_priority > %s) AS priority,"
    f" (SELECT MAX(user_priority) {_OF_TARGET} AND queued_by = %s AND queued_wish = %s) AS last_priority,"
    f" (SELECT MIN(queued_wish) {_OF_TARGET} AND queued_by = %s AND queued_wish > %s) AS next_wish,"
    f" (SELECT MIN(queued_by) {_OF_TARGET} AND queued_by > %s) AS next_user"
)
# Below all priorities that a column can have.
_LOWEST = -(2**15) - 1


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

    The cost grows with the number of queues, not with the number of jobs: of a user with many jobs only the
    first entries of an index are read.
    """
    return [
        queue
        for application in kinds.applications(transaction)
        for target in kinds.values(transaction, "queued_for", {"application": application})
        for queue in _of_target(transaction, application, target)
    ]


def _of_target(transaction: Transaction, application: str, target: str) -> list[Queue]:
    """Return the queues for a target: those of many users with few jobs in one range, then some in steps."""
    # A dict keeps the order and has each queue once, which a range and a step may both find.
    found: dict[Queue, None] = {}
    user: str | None = ""
    while user is not None:
        rows = transaction.rows(_RANGE, application, target, user)
        for row in rows:
            key = row["queued_by"], row["queued_wish"], row["user_priority"]
            found[Queue(application, target, *key)] = None
        if len(rows) < _ENTRIES:
            break
        user = rows[-1]["queued_by"]
        for _ in range(_STEPS):
            if user is not None:
                own, user = _of_user(transaction, application, target, user)
                found |= dict.fromkeys(own)
    return list(found)


def _of_user(
    transaction: Transaction, application: str, target: str, user: str
) -> tuple[list[Queue], str | None]:
    """Return the queues of a user for a target, and the next user who has any."""
    of, found, wish, priority = (application, target), list[Queue](), 0, _LOWEST
    while True:
        parts = ((user, wish, priority), (user, wish), (user, wish), (user,))
        (row,) = transaction.rows(_STEP, *(value for part in parts for value in (*of, *part)))
        if row["priority"] is not None:
            found.append(Queue(*of, user, wish, row["priority"]))
        if row["priority"] is not None and row["priority"] < row["last_priority"]:
            priority = row["priority"]
        elif row["next_wish"] is not None:
            wish, priority = row["next_wish"], _LOWEST
        else:
            return found, row["next_user"]


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
