"""The addresses of the pages of LGI 1.31 (clients.md 8): each is redirected to the present page."""

from urllib.parse import urlencode

from lgi_server.api import fields
from lgi_server.basic_interface.registry import Answer, Page, PageContext, Redirect

PROJECT_SERVER = fields.Field(
    "project_server", fields.INTEGER, fields.E.SERVERS_TOO_BIG, fields.E.SERVERS_TOO_BIG
)


def _menu(_visit: PageContext) -> Answer:
    return Redirect("")


def _list(visit: PageContext) -> Answer:
    return Redirect("servers" if visit.query.number_or(PROJECT_SERVER, 0) else "resources")


def _job_state(visit: PageContext) -> Answer:
    """Redirect to a job, or to the list; its start is ignored, since the newest job comes first now."""
    job_id = visit.query.number_or(fields.LISTED_JOB_ID, -1)
    if job_id >= 0:
        return Redirect(f"jobs/{job_id}")
    filters = {
        field.name: visit.query.line(field) for field in (fields.LISTED_STATE, fields.LISTED_APPLICATION)
    }
    given = {name: value for name, value in filters.items() if value}
    return Redirect(f"jobs?{urlencode(given)}" if given else "jobs")


def _delete(visit: PageContext) -> Answer:
    """Redirect to the question, since a GET does not delete a job any more."""
    return Redirect(f"jobs/{visit.query.number(fields.JOB_ID)}/delete")


def _submit(_visit: PageContext) -> Answer:
    return Redirect("submit")


PAGES = {
    f"{name}.php": Page("", view)
    for name, view in {
        "index": _menu,
        "basic_interface_list": _list,
        "basic_interface_job_state": _job_state,
        "basic_interface_delete_job": _delete,
        "basic_interface_submit_job_form": _submit,
        "basic_interface_submit_job_action": _submit,
    }.items()
}
