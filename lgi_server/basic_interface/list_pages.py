"""The pages of a list of jobs: by cursors in the order of the last change, or by another order."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from lgi_protocol import whole_number
from lgi_server.api import fields
from lgi_server.basic_interface import job_columns
from lgi_server.basic_interface.list_query import ListQuery
from lgi_server.basic_interface.registry import PageContext
from lgi_server.tables.job_queue import elements, listing, text_search
from lgi_server.tables.job_queue.jobs import JobRow
from lgi_server.tables.job_queue.listing import ListCursor
from lgi_server.tables.job_queue.selection import Selection

SIZE = 50
# Jobs that are put into another order than that of their last change.
SORTED = 500
_CURSOR = re.compile(r"([0-9]{1,12})-([0-9]{1,9})")
BEFORE = fields.Field("before", fields.SHORT, fields.E.START_TOO_BIG, fields.E.START_TOO_BIG)
AFTER = fields.Field("after", fields.SHORT, fields.E.START_TOO_BIG, fields.E.START_TOO_BIG)
START = fields.Field("start", fields.SHORT, fields.E.START_TOO_BIG, fields.E.START_TOO_BIG)
NO_PLACE: Mapping[str, str] = {}


@dataclass(frozen=True)
class ListPage:
    """The jobs of a page, and the parameters of the pages beside it, empty where there is none.

    ``limit`` is the number of jobs that were sorted or searched, 0 when the list has all.
    """

    jobs: Sequence[JobRow]
    newer: Mapping[str, str] = field(default_factory=dict)
    older: Mapping[str, str] = field(default_factory=dict)
    limit: int = 0


def page(visit: PageContext, query: ListQuery, selection: Selection) -> ListPage:
    """Return the page of a list that the address asks for."""
    if query.order or selection.array:
        return _sorted(visit, query, selection)
    before = read_cursor(visit.query.line(BEFORE))
    if query.text:
        found = text_search.search(visit.transaction, selection, query.text, SIZE, before)
        older = {BEFORE.name: _written(found.rest)} if found.rest else NO_PLACE
        return ListPage(found.jobs, NO_PLACE, older, text_search.MOST if found.rest else 0)
    after = read_cursor(visit.query.line(AFTER))
    if after is not None:
        newer = listing.next_newer(visit.transaction, selection, SIZE + 1, after)
        return _cut(newer[-SIZE:], len(newer) > SIZE, has_older=True)
    jobs = listing.newest(visit.transaction, selection, SIZE + 1, before)
    return _cut(jobs[:SIZE], before is not None, has_older=len(jobs) > SIZE)


def _cut(jobs: Sequence[JobRow], has_newer: bool, *, has_older: bool) -> ListPage:
    newer = {AFTER.name: cursor_of(jobs[0])} if jobs and has_newer else NO_PLACE
    older = {BEFORE.name: cursor_of(jobs[-1])} if jobs and has_older else NO_PLACE
    return ListPage(jobs, newer, older)


def _sorted(visit: PageContext, query: ListQuery, selection: Selection) -> ListPage:
    start = whole_number.read(visit.query.line(START), 0, SORTED) or 0
    found, is_cut = newest(visit, query, selection, SORTED)
    jobs = job_columns.ordered(found, query.order, visit.now) if query.order else found
    newer = {START.name: str(start - SIZE)} if start > SIZE else {START.name: "0"} if start else NO_PLACE
    older = {START.name: str(start + SIZE)} if len(jobs) > start + SIZE else NO_PLACE
    return ListPage(jobs[start : start + SIZE], newer, older, SORTED if is_cut else 0)


def newest(
    visit: PageContext, query: ListQuery, selection: Selection, limit: int
) -> tuple[Sequence[JobRow], bool]:
    """Return the newest jobs of a list, or elements of an array, and whether there may be others."""
    if query.text:
        searched = text_search.search(visit.transaction, selection, query.text, limit, None)
        return searched.jobs, searched.rest is not None
    if selection.array:
        numbers = elements.page(visit.transaction, selection, 0, limit + 1)
        return listing.in_order(visit.transaction, numbers[:limit]), len(numbers) > limit
    found = listing.newest(visit.transaction, selection, limit + 1, None)
    return found[:limit], len(found) > limit


def read_cursor(text: str) -> ListCursor | None:
    """Return the cursor in an address, as "TIME-JOB_ID", None for any other text."""
    found = _CURSOR.fullmatch(text)
    return ListCursor(int(found[1]), int(found[2])) if found else None


def cursor_of(job: JobRow) -> str:
    """Return the cursor of a job as text."""
    return _written(ListCursor(job.state_time_stamp, job.job_id))


def _written(cursor: ListCursor) -> str:
    return f"{cursor.state_time_stamp}-{cursor.job_id}"
