"""The list of jobs, newest first, with a cursor: pages stay right while jobs change."""

import re

from lgi_protocol.xml import Element
from lgi_server.api import end_fields, fields
from lgi_server.api.context import InterfaceContext
from lgi_server.api.job_elements import more
from lgi_server.api.responses import Elements, end
from lgi_server.interfaces import selections
from lgi_server.services.jobs import holds
from lgi_server.tables.job_queue import listing
from lgi_server.tables.job_queue.jobs import JobRow
from lgi_server.tables.job_queue.listing import ListCursor

DEFAULT_LIMIT, MOST = 128, 1024
_CURSOR = re.compile(r"([0-9]{1,12})-([0-9]{1,9})")
_SHOWN = ("labels", "times", "array", "usage", "priority", "holds", "tries", "fetched")
_NAMES = (
    *("job_id", "state", "state_time_stamp", "application", "owners", "target_resources"),
    *("read_access", "write_access", "job_specifics"),
)


def job_list(call: InterfaceContext) -> Elements:
    """Return a page of the jobs that pass the filters, and the cursor of the next page if there is one."""
    limit = min(call.form.number(fields.LIMIT) if call.form.has("limit") else DEFAULT_LIMIT, MOST)
    selection = selections.read(call, end_fields.result_filter(call.form))
    before = _cursor(call)
    if selection.array:
        # The elements of an array have an order of their own, in which the cursor is a number of jobs.
        start = before.job_id if before else 0
        found = listing.select(call.transaction, selection, start, limit + 1)
        following = f"0-{start + limit}"
    else:
        found = listing.newest(call.transaction, selection, limit + 1, before)
        last = found[:limit][-1:]
        following = f"{last[0].state_time_stamp}-{last[0].job_id}" if last else ""
    page = holds.with_holds(call.transaction, found[:limit])
    jobs = [_job(call, job, number) for number, job in enumerate(page, 1)]
    has_more = len(found) > limit
    return (*jobs, *((Element("next", following),) if has_more else ()))


def _job(call: InterfaceContext, job: JobRow, number: int) -> Element:
    keep = call.runtime.config.projects[call.project.name].keep_finished
    elements = [call.answers.element(job, name) for name in _NAMES]
    return Element("job", (*elements, *end(job), *more(job, _SHOWN, keep)), number)


def _cursor(call: InterfaceContext) -> ListCursor | None:
    text = call.form.line(fields.CURSOR)
    if not text:
        return None
    found = _CURSOR.fullmatch(text)
    if found is None:
        raise fields.CURSOR.refusal(fields.CURSOR.malformed, "it is not the next of an answer")
    return ListCursor(int(found[1]), int(found[2]))
