"""Lists of the many jobs of one target resource: ranges of an index of job_queue in the order of time.

job_access has the jobs of a target without their times, and those of a reader by time: where the jobs of a
target are at one end of the list, those of others would be read until that end.
"""

from collections.abc import Sequence
from dataclasses import replace

from lgi_protocol import comma_lists
from lgi_server.db.transaction import Transaction, placeholders
from lgi_server.tables.job_access import PART, READ
from lgi_server.tables.job_queue.selection import Parameters, Selection

# Jobs of a target and of the readers that are counted to find of which there are fewer.
_COUNTED = 20_000
# The oldest and as many of the newest jobs of a target of which the readers are to be able to read one.
_SAMPLE = 200
# Different values of target_resources: jobs with several targets are found by them.
_TEXTS = 64


def texts(transaction: Transaction, selection: Selection, readers: Sequence[str]) -> tuple[str, ...]:
    """Return the values of target_resources that have the target of a selection, if it is to be read by them.

    It is not, and there are none, if it has filters beside target and time, whose own ranges are shorter; if
    the readers may read fewer jobs than the target has, or hardly one of its; or if it has too many values.
    """
    plain = replace(selection, readers=(), target="", since=0, single=False)
    if not selection.target or plain != Selection(()):
        return ()
    if not _is_shorter(transaction, selection.target, readers):
        return ()
    return _values(transaction, selection.target) if _is_readable(transaction, selection, readers) else ()


def _values(transaction: Transaction, target: str) -> tuple[str, ...]:
    """Return the values of target_resources with a target; each value is found by one look at an index."""
    words = [""]
    while len(words) <= _TEXTS:
        row = transaction.row(
            "SELECT MIN(target_resources) AS word FROM job_queue WHERE target_resources > %s", words[-1]
        )
        if row is None or row["word"] is None:
            return tuple(word for word in words if target in comma_lists.split(word))
        words.append(row["word"])
    return ()


def _is_shorter(transaction: Transaction, target: str, readers: Sequence[str]) -> bool:
    """Return whether a target has no more jobs than some readers may read, as far as they are counted."""
    placed = f"SELECT 1 FROM job_access WHERE role = 'target' AND name = %s LIMIT {_COUNTED + 1}"
    readable = (
        "SELECT 1 FROM job_access WHERE role IN (%s, %s)"
        f" AND name IN ({placeholders(readers)}) LIMIT {_COUNTED + 1}"
    )
    row = transaction.row(
        f"SELECT (SELECT COUNT(*) FROM ({placed}) AS some_placed) AS placed,"
        f" (SELECT COUNT(*) FROM ({readable}) AS some_readable) AS readable",
        *(target, READ, PART, *readers),
    )
    return row is not None and int(row["placed"]) <= int(row["readable"])


def _is_readable(transaction: Transaction, selection: Selection, readers: Sequence[str]) -> bool:
    """Return whether some readers may read one of the oldest or newest jobs of a target.

    If not, all jobs of the target would be read for a page.
    """
    may_read, values = _readable(selection, readers)
    some = "SELECT job_id FROM job_access WHERE role = 'target' AND name = %s ORDER BY"
    for order in ("state_time_stamp, job_id", "state_time_stamp DESC, job_id DESC"):
        row = transaction.row(
            f"SELECT 1 AS found FROM ({some} {order} LIMIT {_SAMPLE}) AS one WHERE {may_read} LIMIT 1",
            selection.target,
            *values,
        )
        if row is not None:
            return True
    return False


def _readable(selection: Selection, readers: Sequence[str]) -> tuple[str, Parameters]:
    """Return the condition that one of some readers may read a job, with its parameters."""
    roles = (READ,) if selection.single else (READ, PART)
    condition = (
        "EXISTS (SELECT 1 FROM job_access AS reader WHERE reader.job_id = one.job_id"
        f" AND reader.role IN ({placeholders(roles)}) AND reader.name IN ({placeholders(readers)}))"
    )
    return condition, [*roles, *readers]


def ranges(
    selection: Selection, values: Sequence[str], readers: Sequence[str]
) -> list[tuple[str, Parameters]]:
    """Return the end of a query for each of the values, with its parameters: it has each job once."""
    may_read, parameters = _readable(selection, readers)
    end = (
        "FROM job_queue AS one /*! FORCE INDEX (job_by_target) */ WHERE one.target_resources = %s"
        f" AND one.state_time_stamp >= %s AND {may_read}"
    )
    return [(end, [value, selection.since, *parameters]) for value in values]
