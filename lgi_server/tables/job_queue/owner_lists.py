"""Lists of the many jobs of one owner, read from the index of job_queue by owner and time.

A project has many different lists of owners, so that not all are looked at: those that begin with the owner
are, as those of a user's jobs do, and the number of their jobs tells whether there are others.
"""

from collections.abc import Sequence

from lgi_protocol import comma_lists
from lgi_server.db.transaction import Transaction, placeholders
from lgi_server.tables.job_queue import name_ranges
from lgi_server.tables.job_queue.name_ranges import NameColumn
from lgi_server.tables.job_queue.selection import Parameters, Selection

_OWNERS = NameColumn("owners", "owner", "job_by_owner")
# Jobs of an owner that are counted, twice: 20 to 50 ms.
_COUNTED = 200_000


def texts(transaction: Transaction, selection: Selection, readers: Sequence[str]) -> tuple[str, ...]:
    """Return the values of the column owners that have the owner of a selection, if it is to be read by them.

    It is not, and there are none, if `name_ranges.is_read` says so, if the owner has more jobs than are
    counted, or if the values of all its jobs are not found.
    """
    owner = selection.owner
    if not name_ranges.is_read(transaction, selection, _OWNERS.role, readers):
        return ()
    # "a, b" comes behind "a," and before "a-", as all that begins with the name "a" does.
    words = (owner, *name_ranges.texts_between(transaction, _OWNERS, f"{owner},", f"{owner}-"))
    if len(words) <= name_ranges.TEXTS and _have_all(transaction, owner, words):
        return words
    every = name_ranges.texts_between(transaction, _OWNERS, "")
    if len(every) > name_ranges.TEXTS:
        return ()
    return tuple(word for word in every if owner in comma_lists.split(word))


def _have_all(transaction: Transaction, owner: str, words: Sequence[str]) -> bool:
    """Return whether all jobs of an owner have one of some values, each of which has the owner."""
    owned = f"SELECT 1 FROM job_access WHERE role = 'owner' AND name = %s LIMIT {_COUNTED + 1}"
    row = transaction.row(f"SELECT COUNT(*) AS n FROM ({owned}) AS some_owned", owner)
    number = int(row["n"]) if row else 0
    if number > _COUNTED:
        return False
    found = f"SELECT COUNT(*) AS n FROM job_queue WHERE owners IN ({placeholders(words)})"
    row = transaction.row(found, *words)
    return row is not None and int(row["n"]) == number


def ranges(
    selection: Selection, values: Sequence[str], readers: Sequence[str]
) -> list[tuple[str, Parameters]]:
    """Return the end of a query for each of the values, with its parameters: it has each job once."""
    return name_ranges.ranges(selection, _OWNERS, values, readers)
