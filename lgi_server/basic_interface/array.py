"""The page of an array: how far it is, and its elements in the order of their indexes."""

import secrets
from functools import partial

from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_protocol.job_end import Result
from lgi_protocol.states import State
from lgi_server.api import end_fields, fields
from lgi_server.basic_interface import chosen_jobs, file_archive
from lgi_server.basic_interface.registry import AfterCommit, Answer, PageContext, Template
from lgi_server.services.jobs import progress
from lgi_server.tables import job_arrays
from lgi_server.tables.job_arrays import ArrayRow
from lgi_server.tables.job_queue import elements, listing
from lgi_server.tables.job_queue.selection import Selection

SIZE = 50
# Elements whose files are in one archive.
MOST_ELEMENTS = 1000


def job_array(visit: PageContext, array_id: int) -> Answer:
    """Return a page of the elements of an array, of all or of those in a state or with a result."""
    names = visit.user.names
    found = _seen(visit, array_id)
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
            "most": visit.visitor.server.config.max_jobs_at_once,
            "files_are_here": visit.visitor.server.config.remote is None,
            "none_chosen": visit.query.has(chosen_jobs.NONE_CHOSEN),
            "states": tuple(one.value for one in State),
            "ends": tuple(Result),
            "filters": {name: value for name, value in (("state", state), ("ended", ended)) if value},
        },
    )


def _seen(visit: PageContext, array_id: int) -> ArrayRow:
    """Return an array that the user may read; LGIError NO_JOB for any other, existing or not."""
    found = job_arrays.find(visit.transaction, array_id)
    if found is None or job_arrays.reader_of(visit.transaction, array_id, visit.user.names) is None:
        raise LGIError(ErrorNumber.NO_JOB, f"array {array_id}")
    return found


def files(visit: PageContext, array_id: int) -> Answer:
    """Return an archive of the files of all elements, in directories named by their indexes.

    Raises LGIError NO_JOB, UPLOAD, or FILE_TOO_BIG for more than `MOST_ELEMENTS`.
    """
    _seen(visit, array_id)
    if visit.visitor.server.config.remote is not None:
        raise LGIError(ErrorNumber.UPLOAD, message="The files of these jobs are not on this server")
    every = Selection(visit.user.names, array=array_id)
    jobs = listing.select(visit.transaction, every, 0, MOST_ELEMENTS + 1)
    if len(jobs) > MOST_ELEMENTS:
        why = f"An archive has the files of at most {MOST_ELEMENTS} elements: use LGI_get"
        raise LGIError(ErrorNumber.FILE_TOO_BIG, message=why)
    stored = {str(job.array_index): job.repository for job in jobs if job.repository}
    return AfterCommit(partial(file_archive.of_jobs, visit, stored, f"array_{array_id}.zip"))
