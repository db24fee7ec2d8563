"""The search for a text in the names, labels and other words of jobs, which no index has."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lgi_server.db.transaction import Transaction, placeholders
from lgi_server.tables.job_queue import listing
from lgi_server.tables.job_queue.jobs import AT_ONCE, JobRow
from lgi_server.tables.job_queue.listing import ListCursor
from lgi_server.tables.job_queue.selection import Selection

# Jobs that one search reads.
MOST = 2000
_COLUMNS = "job_id, job_name, labels, application, owners, target_resources, end_reason"


@dataclass(frozen=True)
class SearchPage:
    """Jobs with a text, newest first, and the position before which others are searched, None at the end."""

    jobs: Sequence[JobRow]
    rest: ListCursor | None


def search(
    transaction: Transaction, selection: Selection, text: str, limit: int, before: ListCursor | None
) -> SearchPage:
    """Return at most ``limit`` jobs of a selection that have a text, whatever its case.

    The `MOST` newest jobs are read, or the newest before a cursor.
    """
    places = listing.newest_cursors(transaction, selection, MOST, before)
    found: list[int] = []
    for begin in range(0, len(places), AT_ONCE):
        some = places[begin : begin + AT_ONCE]
        having = set(_having(transaction, [one.job_id for one in some], text.casefold()))
        for place in some:
            if place.job_id in having:
                found.append(place.job_id)
                if len(found) == limit:
                    rest = None if place == places[-1] and len(places) < MOST else place
                    return SearchPage(listing.in_order(transaction, found), rest)
    rest = places[-1] if len(places) == MOST else None
    return SearchPage(listing.in_order(transaction, found), rest)


def _having(transaction: Transaction, job_ids: Sequence[int], text: str) -> Iterator[int]:
    rows = transaction.rows(
        f"SELECT {_COLUMNS} FROM job_queue WHERE job_id IN ({placeholders(job_ids)})", *job_ids
    )
    for row in rows:
        if any(text in str(row[column]).casefold() for column in _COLUMNS.split(", ")):
            yield row["job_id"]
