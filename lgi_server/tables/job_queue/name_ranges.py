"""Ranges of the indexes of job_queue by a column with names and time: the jobs of an owner, or of a target.

job_access has the jobs of an owner or a target without their times, and those of a reader by time: where the
jobs of a name are at one end of the list, those of others would be read until that end.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from lgi_server.db.transaction import Transaction, placeholders
from lgi_server.tables.job_access import PART, READ
from lgi_server.tables.job_queue.selection import Parameters, Selection

# Different values of a column that are looked up: jobs with several names are found by them.
TEXTS = 64
# Jobs of a name and of the readers that are counted to find of which there are fewer.
_COUNTED = 20_000
# The oldest and as many of the newest jobs of a name of which the readers are to be able to read one.
_SAMPLE = 200


@dataclass(frozen=True)
class NameColumn:
    """A column of job_queue with names, the role of their rows in job_access, and its index by time."""

    name: str
    role: str
    index: str


def is_read(transaction: Transaction, selection: Selection, role: str, readers: Sequence[str]) -> bool:
    """Return whether the jobs of the owner or target of a selection are to be read by time.

    They are not if it has filters beside that name and time, whose own ranges are shorter; if the readers may
    read fewer jobs than the name has, or hardly one of its.
    """
    names = {"owner": selection.owner, "target": selection.target}
    name = names.pop(role)
    plain = replace(selection, readers=(), since=0, single=False, owner="", target="")
    if not name or any(names.values()) or plain != Selection(()):
        return False
    if not _is_shorter(transaction, role, name, readers):
        return False
    return _is_readable(transaction, selection, (role, name), readers)


def _is_shorter(transaction: Transaction, role: str, name: str, readers: Sequence[str]) -> bool:
    """Return whether a name has no more jobs than some readers may read, as far as they are counted."""
    named = f"SELECT 1 FROM job_access WHERE role = %s AND name = %s LIMIT {_COUNTED + 1}"
    readable = (
        "SELECT 1 FROM job_access WHERE role IN (%s, %s)"
        f" AND name IN ({placeholders(readers)}) LIMIT {_COUNTED + 1}"
    )
    row = transaction.row(
        f"SELECT (SELECT COUNT(*) FROM ({named}) AS some_named) AS named,"
        f" (SELECT COUNT(*) FROM ({readable}) AS some_readable) AS readable",
        *(role, name, READ, PART, *readers),
    )
    return row is not None and int(row["named"]) <= int(row["readable"])


def _is_readable(
    transaction: Transaction, selection: Selection, named: tuple[str, str], readers: Sequence[str]
) -> bool:
    """Return whether some readers may read one of the oldest or newest jobs of a name.

    If not, all jobs of the name would be read for a page.
    """
    may_read, values = _readable(selection, readers)
    some = "SELECT job_id FROM job_access WHERE role = %s AND name = %s ORDER BY"
    for order in ("state_time_stamp, job_id", "state_time_stamp DESC, job_id DESC"):
        row = transaction.row(
            f"SELECT 1 AS found FROM ({some} {order} LIMIT {_SAMPLE}) AS one WHERE {may_read} LIMIT 1",
            *named,
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


def texts_between(transaction: Transaction, column: NameColumn, after: str, before: str = "") -> list[str]:
    """Return the different values of a column behind one and before another, at most one more than `TEXTS`.

    Each is found by one look at an index.
    """
    limit = f" AND {column.name} < %s" if before else ""
    words = list[str]()
    while len(words) <= TEXTS:
        row = transaction.row(
            f"SELECT MIN({column.name}) AS word FROM job_queue WHERE {column.name} > %s{limit}",
            *(words[-1] if words else after, *([before] if before else [])),
        )
        if row is None or row["word"] is None:
            break
        words.append(row["word"])
    return words


def ranges(
    selection: Selection, column: NameColumn, values: Sequence[str], readers: Sequence[str]
) -> list[tuple[str, Parameters]]:
    """Return the end of a query for each of the values, with its parameters: it has each job once."""
    may_read, parameters = _readable(selection, readers)
    end = (
        f"FROM job_queue AS one /*! FORCE INDEX ({column.index}) */ WHERE one.{column.name} = %s"
        f" AND one.state_time_stamp >= %s AND {may_read}"
    )
    return [(end, [value, selection.since, *parameters]) for value in values]
