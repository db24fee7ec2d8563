"""The page of an array: how far it is, and its elements in the order of their indexes."""

import secrets

from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_protocol.job_end import Result
from lgi_protocol.states import State
from lgi_server.api import end_fields, fields
from lgi_server.basic_interface.registry import Answer, PageContext, Template
from lgi_server.services.jobs import progress
from lgi_server.tables import job_arrays
from lgi_server.tables.job_queue import elements, listing
from lgi_server.tables.job_queue.selection import Selection

SIZE = 50


def job_array(visit: PageContext, array_id: int) -> Answer:
    """Return a page of the elements of an array, of all or of those in a state or with a result."""
    names = visit.user.names
    found = job_arrays.find(visit.transaction, array_id)
    if found is None or job_arrays.reader_of(visit.transaction, array_id, names) is None:
        raise LGIError(ErrorNumber.NO_JOB, f"array {array_id}")
    state, ended = visit.query.line(fields.LISTED_STATE), end_fields.result_filter(visit.query)
    start = visit.query.number_or(fields.START, 0)
    every = Selection(names, array=array_id)
    selection = Selection(names, state=state, ended=ended, array=array_id)
    counts = elements.progress(visit.transaction, every)
    jobs = listing.select(visit.transaction, selection, start, SIZE + 1)
    first = elements.page(visit.transaction, every, 0, 1)
    return Template(
        "basic_interface/array.html",
        {
            "array": found,
            "how_far": progress.estimate(visit.transaction, every, counts, visit.now),
            "jobs": jobs[:SIZE],
            "element": first[0] if first else 0,
            "request_id": secrets.token_urlsafe(16),
            "start": start,
            "older": start + SIZE if len(jobs) > SIZE else 0,
            "newer": max(0, start - SIZE),
            "state": state,
            "ended": ended,
            "states": tuple(one.value for one in State),
            "ends": tuple(Result),
            "filters": {name: value for name, value in (("state", state), ("ended", ended)) if value},
        },
    )
