"""The order of job_queue: who has jobs queued for what, the first of them, and their priorities."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lgi_protocol import comma_lists
from lgi_server.db.transaction import Transaction, placeholders
from lgi_server.tables.job_queue import jobs

# Queues looked at in one statement; SQLite takes no more than 500 parts.
_AT_ONCE = 50
# Entries of the index looked at in one statement that looks for queues.
_ENTRIES = 200
# What is left of a user's queues, and those of the users beyond: which entries, and their order.
_PARTS = {
    "rest": ("queued_by = %s AND queued_wish > %s", "queued_wish"),
    "beyond": ("queued_by > %s", "queued_by, queued_wish"),
}
# MariaDB by itself would begin to read where the target's entries do, each time.
_NEXT = " UNION ALL ".join(
    f"SELECT '{part}' AS part, queued_by, queued_wish, COUNT(*) AS entries FROM ("
    "SELECT queued_by, queued_wish FROM job_queue /*! FORCE INDEX (job_share) */"
    f" WHERE application = %s AND queued_for = %s AND {where} ORDER BY {order} LIMIT {_ENTRIES}"
    f") AS {part} GROUP BY queued_by, queued_wish"
    for part, (where, order) in _PARTS.items()
)


@dataclass(frozen=True)
class Queue:
    """The queued jobs of a user for an application and a target, all with several targets in one.

    Those that want licences are not among those that want none or others: ``wish`` is the length of the text.
    """

    application: str
    target: str
    user: str
    wish: int = 0


@dataclass(frozen=True)
class Queued:
    """A queued job and its place."""

    job_id: int
    priority: int
    application: str
    owners: tuple[str, ...]
    target_resources: tuple[str, ...]
    licences: str


def queues(transaction: Transaction) -> list[Queue]:
    """Return the queues that have any job: from an index alone, of which only the start of each is looked at.

    Thus it costs as much as there are queues, however many jobs are in them.
    """
    return [
        queue
        for application in jobs.applications(transaction)
        for target in jobs.values(transaction, "queued_for", {"application": application})
        for queue in _of_target(transaction, application, target)
    ]


def _of_target(transaction: Transaction, application: str, target: str) -> list[Queue]:
    """Return the queues for a target, some entries of the index at a time."""
    user, wish = "", -1
    found: list[Queue] = []
    while True:
        rows = transaction.rows(_NEXT, application, target, user, wish, application, target, user)
        read = {name: [row for row in rows if row["part"] == name] for name in _PARTS}
        full = {name: sum(row["entries"] for row in part) == _ENTRIES for name, part in read.items()}
        news = read["rest"] if full["rest"] else rows
        found += [Queue(application, target, row["queued_by"], row["queued_wish"]) for row in news]
        if not any(full.values()):
            return found
        user, wish = max((row["queued_by"], row["queued_wish"]) for row in news)


def heads(transaction: Transaction, some: Sequence[Queue], each: int) -> list[Queued]:
    """Return the first jobs of queues, so many of each."""
    found: list[Queued] = []
    for begin in range(0, len(some), _AT_ONCE):
        found += _heads(transaction, some[begin : begin + _AT_ONCE], each)
    return found


def _heads(transaction: Transaction, some: Sequence[Queue], each: int) -> list[Queued]:
    parts = [
        "SELECT * FROM (SELECT job_id, priority, application, owners, target_resources, licences"
        " FROM job_queue WHERE application = %s AND queued_for = %s AND queued_by = %s AND queued_wish = %s"
        f" ORDER BY priority, job_id LIMIT %s) AS queue{number}"
        for number in range(len(some))
    ]
    values = (value for one in some for value in (one.application, one.target, one.user, one.wish, each))
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
    """Give jobs other priorities, as long as they are queued."""
    job_ids = sorted(priorities)
    cases = " ".join(["WHEN %s THEN %s"] * len(job_ids))
    transaction.run(
        f"UPDATE job_queue SET priority = CASE job_id {cases} ELSE priority END"
        f" WHERE job_id IN ({placeholders(job_ids)}) AND state = 'queued'",
        *(value for job_id in job_ids for value in (job_id, priorities[job_id])),
        *job_ids,
    )
