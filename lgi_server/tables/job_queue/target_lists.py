"""Lists of the many jobs of one target resource, read from the index of job_queue by target and time."""

from collections.abc import Sequence

from lgi_protocol import comma_lists
from lgi_server.db.transaction import Transaction
from lgi_server.tables.job_queue import name_ranges
from lgi_server.tables.job_queue.name_ranges import NameColumn
from lgi_server.tables.job_queue.selection import Parameters, Selection

_TARGETS = NameColumn("target_resources", "target", "job_by_target")


def texts(transaction: Transaction, selection: Selection, readers: Sequence[str]) -> tuple[str, ...]:
    """Return the values of target_resources that have the target of a selection, if it is to be read by them.

    It is not, and there are none, if `name_ranges.is_read` says so, or if the column has too many values.
    """
    if not name_ranges.is_read(transaction, selection, _TARGETS.role, readers):
        return ()
    words = name_ranges.texts_between(transaction, _TARGETS, "")
    if len(words) > name_ranges.TEXTS:
        return ()
    return tuple(word for word in words if selection.target in comma_lists.split(word))


def ranges(
    selection: Selection, values: Sequence[str], readers: Sequence[str]
) -> list[tuple[str, Parameters]]:
    """Return the end of a query for each of the values, with its parameters: it has each job once."""
    return name_ranges.ranges(selection, _TARGETS, values, readers)
