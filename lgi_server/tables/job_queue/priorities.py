"""The order of queued jobs: the queues of users, their first jobs, and priorities."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lgi_protocol import comma_lists
from lgi_server.db.transaction import Transaction, placeholders
from lgi_server.tables.job_queue import kinds

# Queues read in one statement; SQLite takes no more than 500 parts.
_AT_ONCE = 50
# Index entries read by each part of a statement that searches for queues.
_ENTRIES = 200
# The remaining queues of one user, and the queues of the following users: condition and order of each part.
_PARTS = {
    "rest": ("queued_by = %s AND queued_wish > %s", "queued_wish"),
    "beyond": ("queued_by > %s", "queued_by, queued_wish"),
}
# Without FORCE INDEX MariaDB reads from the target's first entry each time.
_NEXT = " UNION ALL ".join(
    f"SELECT '{part}' AS part, queued_by, queued_wish, COUNT(*) AS entries FROM ("
    "SELECT queued_by, queued_wish FROM job_queue /*! FORCE INDEX (job_share) */"
    f" WHERE application = %s AND queued_for = %s AND {where} ORDER BY {order} LIMIT {_ENTRIES}"
    f") AS {part} GROUP BY queued_by, queued_wish"
    for part, (where, order) in _PARTS.items()
)


@dataclass(frozen=True)
class Queue:
    """The queued jobs of a user for an application and a target; all with several targets form one queue.

    Jobs with different requests for licences are in different queues: ``licences_length`` is the length of
    the text of the request, 0 for none.
    """

    application: str
    target: str
    user: str
    licences_length: int = 0


@dataclass(frozen=True)
class Queued:
    """A queued job and its priority: the lower number starts first."""

    job_id: int
    priority: int
    application: str
    owners: tuple[str, ...]
    target_resources: tuple[str, ...]
    licences: str


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
    user, length = "", -1
    found: list[Queue] = []
    while True:
        rows = transaction.rows(_NEXT, application, target, user, length, application, target, user)
        read = {name: [row for row in rows if row["part"] == name] for name in _PARTS}
        full = {name: sum(row["entries"] for row in part) == _ENTRIES for name, part in read.items()}
        news = read["rest"] if full["rest"] else rows
        found += [Queue(application, target, row["queued_by"], row["queued_wish"]) for row in news]
        if not any(full.values()):
            return found
        user, length = max((row["queued_by"], row["queued_wish"]) for row in news)


def heads(transaction: Transaction, some: Sequence[Queue], each: int) -> list[Queued]:
    """Return the first jobs of some queues that are not held, at most ``each`` of every queue."""
    found: list[Queued] = []
    for begin in range(0, len(some), _AT_ONCE):
        found += _heads(transaction, some[begin : begin + _AT_ONCE], each)
    return found


def _heads(transaction: Transaction, some: Sequence[Queue], each: int) -> list[Queued]:
    parts = [
        "SELECT * FROM (SELECT job_id, priority, application, owners, target_resources, licences"
        " FROM job_queue WHERE application = %s AND queued_for = %s AND queued_by = %s AND queued_wish = %s"
        " AND lock_state <> 2"
        f" ORDER BY priority, job_id LIMIT %s) AS queue{number}"
        for number in range(len(some))
    ]
    values = (
        value for one in some for value in (one.application, one.target, one.user, one.licences_length, each)
    )
    return [
        Queued(
            row["job_id"],
            row["priority"],
            row["application"],
            comma_lists.split(row["owners"]),
            comma_lists.split(row["target_resources"]),
            row["licences"],
        )
        for row in transaction.rows(" UNION ALL ".join(parts), *values)
    ]


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
