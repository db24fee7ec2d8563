"""The list of the jobs that the user may read, newest first, or those that are searched for."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from urllib.parse import urlencode

from lgi_protocol import comma_lists
from lgi_protocol.job_end import Result
from lgi_protocol.states import State
from lgi_server.api import fields
from lgi_server.basic_interface import chosen_jobs, filter_chips, job_columns, list_pages, list_query
from lgi_server.basic_interface.list_pages import AFTER, START, ListPage
from lgi_server.basic_interface.list_query import ListQuery
from lgi_server.basic_interface.registry import Answer, PageContext, Template
from lgi_server.services.jobs import progress, targets
from lgi_server.services.jobs.progress import Progress
from lgi_server.tables import active_resources
from lgi_server.tables.job_arrays import ArrayRow
from lgi_server.tables.job_queue import inputs, jobs
from lgi_server.tables.job_queue.jobs import JobRow

MOST_ARRAYS = 10
DELETED = fields.Field("deleted", fields.INTEGER, fields.E.JOB_ID_TOO_BIG, fields.E.JOB_ID)


def job_list(visit: PageContext) -> Answer:
    """Return one page of the list; it begins at a cursor, so that all pages cost the same."""
    query = list_query.read(visit)
    # A list without filters has a line for each array, in the place of its elements.
    selection = replace(query.selection, single=not query.is_narrowed)
    page = list_pages.page(visit, query, selection)
    return Template(
        "basic_interface/job_list.html",
        {
            "query": query,
            "page": page,
            "jobs": page.jobs,
            "commands": commands(visit, query.columns, page.jobs),
            "arrays": _arrays(visit, query, page),
            "chips": filter_chips.chips(query, visit.user),
            "states": _states(query),
            "applications": _applications(visit, query.parameters.get("application", "")),
            "ends": tuple(Result),
            "titles": job_columns.TITLES,
            "orders": job_columns.ORDERS,
            "deleted": _deleted(visit),
            "none_chosen": visit.query.has(chosen_jobs.NONE_CHOSEN),
            "request_id": secrets.token_urlsafe(16),
            "news": _poll_address(visit, query, page),
        },
    )


def commands(visit: PageContext, columns: Sequence[str], found: Sequence[JobRow]) -> Mapping[int, str]:
    """Return the commands of those jobs that have one, if a list has that column."""
    if "command" not in columns:
        return {}
    wanted = [job.job_id for job in found if job.application == "command"]
    return {
        job_id: job_columns.command_of(begin)
        for job_id, begin in inputs.begins(visit.transaction, wanted).items()
    }


def _states(query: ListQuery) -> Sequence[str]:
    chosen = query.parameters.get("state", "")
    return comma_lists.unique((*(one.value for one in State), *filter(None, [chosen])))


def _arrays(visit: PageContext, query: ListQuery, page: ListPage) -> list[tuple[ArrayRow, Progress]]:
    if query.is_narrowed or page.newer or visit.query.has(AFTER.name) or visit.query.has(START.name):
        return []
    names = query.selection.readers
    found = progress.newest_arrays(visit.transaction, names, MOST_ARRAYS, 0, visit.now)
    return [(array, how_far) for array, how_far in found if how_far.counts]


def _deleted(visit: PageContext) -> int:
    """Return the job_id in the address after a delete, 0 if the job still exists or there is none."""
    job_id = visit.query.number_or(DELETED, 0)
    return job_id if job_id and jobs.find(visit.transaction, job_id) is None else 0


def _poll_address(visit: PageContext, query: ListQuery, page: ListPage) -> str:
    """Return the address of the long poll of this page, with its time and the newest jobs that it shows.

    Only the first page of a list in the order of changes is kept up to date.
    """
    if page.newer or query.text or query.order or visit.query.has(AFTER.name):
        return ""
    since = visit.now - 1
    known = [list_pages.cursor_of(job) for job in page.jobs if job.state_time_stamp >= since]
    asked = {"since": since, "known": ",".join(known), "whose": "all" if query.everybody else ""}
    given = {name: value for name, value in asked.items() if value}
    return f"{visit.visitor.base}/news/jobs?{urlencode(given)}"


def _applications(visit: PageContext, chosen: str) -> list[str]:
    """Return the applications to choose from: those that are offered now, and the chosen one."""
    everyone = active_resources.everyone(visit.transaction)
    offered = {name for one in everyone for name in targets.applications_of(one)}
    return sorted(offered | set(filter(None, [chosen])))
