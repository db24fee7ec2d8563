"""The list of the jobs that the user may read, newest first, by state, application and result."""

import re
import secrets
from dataclasses import replace
from urllib.parse import urlencode

from lgi_protocol import comma_lists
from lgi_protocol.job_end import Result
from lgi_protocol.states import State
from lgi_server.api import end_fields, fields, list_filters
from lgi_server.basic_interface.registry import Answer, PageContext, Template
from lgi_server.services.jobs import progress, targets
from lgi_server.services.jobs.progress import Progress
from lgi_server.tables import active_resources
from lgi_server.tables.job_arrays import ArrayRow
from lgi_server.tables.job_queue import jobs, listing
from lgi_server.tables.job_queue.jobs import JobRow
from lgi_server.tables.job_queue.listing import ListCursor
from lgi_server.tables.job_queue.selection import Selection

SIZE = 50
MOST_ARRAYS = 10
_CURSOR = re.compile(r"([0-9]{1,12})-([0-9]{1,9})")
BEFORE = fields.Field("before", fields.SHORT, fields.E.START_TOO_BIG, fields.E.START_TOO_BIG)
AFTER = fields.Field("after", fields.SHORT, fields.E.START_TOO_BIG, fields.E.START_TOO_BIG)
DELETED = fields.Field("deleted", fields.INTEGER, fields.E.JOB_ID_TOO_BIG, fields.E.JOB_ID)
WHOSE = fields.Field("whose", fields.SHORT, fields.E.STATE_TOO_BIG, fields.E.STATE)


def job_list(visit: PageContext) -> Answer:
    """Return one page of the list; it begins at a cursor, so that all pages cost the same."""
    everybody = visit.visitor.is_administrator and visit.query.line(WHOSE) == "all"
    state, application = visit.query.line(fields.LISTED_STATE), visit.query.line(fields.LISTED_APPLICATION)
    names = visit.user.names if everybody else visit.visitor.own_names
    filters = (*visit.query.filter(fields.LISTED_STATE), *visit.query.filter(fields.LISTED_APPLICATION))
    ended = end_fields.result_filter(visit.query)
    name, label = visit.query.line(fields.JOB_NAME), visit.query.line(fields.LABELS)
    selection = Selection(names, *filters, ended, list_filters.label_terms(visit.query))
    # A list without filters has a line for each array, in the place of its elements.
    is_filtered = selection != Selection(names)
    found, has_older, has_newer = _page(visit, replace(selection, single=not is_filtered))
    arrays = () if is_filtered or has_newer or visit.query.has(AFTER.name) else _arrays(visit, names)
    return Template(
        "basic_interface/job_list.html",
        {
            "jobs": found,
            "arrays": arrays,
            "older": _cursor(found[-1]) if found and has_older else "",
            "newer": _cursor(found[0]) if found and has_newer else "",
            "state": _shown(state),
            "application": _shown(application),
            "states": comma_lists.unique((*(one.value for one in State), *filter(None, [_shown(state)]))),
            "applications": _applications(visit, _shown(application)),
            "everybody": everybody,
            "ended": ended,
            "ends": tuple(Result),
            "job_name": name,
            "labels": label,
            "filters": _filters(state, application, ended, everybody, job_name=name, labels=label),
            "deleted": _deleted(visit),
            "request_id": secrets.token_urlsafe(16),
            "news": "" if has_newer else _poll_address(visit, found, everybody),
        },
    )


def _arrays(visit: PageContext, names: tuple[str, ...]) -> list[tuple[ArrayRow, Progress]]:
    found = progress.newest_arrays(visit.transaction, names, MOST_ARRAYS, 0, visit.now)
    return [(array, how_far) for array, how_far in found if how_far.counts]


def _deleted(visit: PageContext) -> int:
    """Return the job_id in the address after a delete, 0 if the job still exists or there is none."""
    job_id = visit.query.number_or(DELETED, 0)
    return job_id if job_id and jobs.find(visit.transaction, job_id) is None else 0


def _poll_address(visit: PageContext, found: list[JobRow], everybody: bool) -> str:
    """Return the address of the long poll of this page, with its time and the newest jobs that it shows."""
    since = visit.now - 1
    known = [_cursor(job) for job in found if job.state_time_stamp >= since]
    query = {"since": since, "known": ",".join(known), "whose": "all" if everybody else ""}
    return (
        f"{visit.visitor.base}/news/jobs?{urlencode({name: value for name, value in query.items() if value})}"
    )


def _filters(state: str, application: str, ended: str, everybody: bool, **more: str) -> dict[str, str]:
    """Return the filters as parameters for the addresses of other pages of the same list."""
    given = {
        "state": _shown(state),
        "application": _shown(application),
        "ended": ended,
        "whose": "all" if everybody else "",
        **more,
    }
    return {name: value for name, value in given.items() if value}


def _page(visit: PageContext, selection: Selection) -> tuple[list[JobRow], bool, bool]:
    """Return the jobs of a page, and whether there are older and newer jobs."""
    after = read_cursor(visit.query.line(AFTER))
    if after is not None:
        found = listing.next_newer(visit.transaction, selection, SIZE + 1, after)
        return found[-SIZE:], True, len(found) > SIZE
    before = read_cursor(visit.query.line(BEFORE))
    found = listing.newest(visit.transaction, selection, SIZE + 1, before)
    return found[:SIZE], len(found) > SIZE, before is not None


def read_cursor(text: str) -> ListCursor | None:
    """Return the cursor in an address, as "TIME-JOB_ID", None for any other text."""
    found = _CURSOR.fullmatch(text)
    return ListCursor(int(found[1]), int(found[2])) if found else None


def _cursor(job: JobRow) -> str:
    return f"{job.state_time_stamp}-{job.job_id}"


def _shown(posted: str) -> str:
    """Return a filter to show, empty for ``any``, which filters nothing as in LGI."""
    return "" if posted == comma_lists.ANY else posted


def _applications(visit: PageContext, chosen: str) -> list[str]:
    """Return the applications to choose from: those that are offered now, and the chosen one."""
    everyone = active_resources.everyone(visit.transaction)
    offered = {name for one in everyone for name in targets.applications_of(one)}
    return sorted(offered | set(filter(None, [chosen])))
