"""The addresses of all pages of the web interface."""

from functools import partial
from http import HTTPStatus

from flask import Blueprint, Request, Response, request
from werkzeug.exceptions import NotFound
from werkzeug.routing import IntegerConverter

from lgi_protocol.errors import LGIError
from lgi_server.auth import browser_guard
from lgi_server.basic_interface import dispatch, home, legacy_urls, long_poll, responses
from lgi_server.basic_interface.pages import PAGES
from lgi_server.basic_interface.registry import Page, PageUser
from lgi_server.config.model import Config
from lgi_server.runtime import Runtime

NAME = "basic_interface"


class JobNumber(IntegerConverter):
    """A job_id in an address, with at most nine digits as in calls."""

    regex = r"[0-9]{1,9}"


def blueprint(server: Runtime) -> Blueprint:
    """Return the routes of all pages below ``/basic_interface``."""
    routes = Blueprint(NAME, __name__)
    for one in PAGES:
        routes.add_url_rule(
            f"/<project>/{one.path}",
            endpoint=one.view.__name__,
            view_func=partial(dispatch.dispatch, server, one),
            methods=["POST"] if one.changes else ["GET"],
        )
    _add_others(routes, server)
    routes.before_request(_come_again)
    routes.errorhandler(LGIError)(partial(_refused, server))
    routes.errorhandler(NotFound)(partial(_nothing, server))
    return routes


def _add_others(routes: Blueprint, server: Runtime) -> None:
    """Add the start page, the long polls, the addresses of LGI's pages, and one for unknown addresses."""
    first = partial(dispatch.dispatch, server, home.FIRST)
    routes.add_url_rule("/", "first", first, methods=["GET"])
    for name, page in legacy_urls.PAGES.items():
        old = partial(_old, server, page)
        routes.add_url_rule(f"/{name}", "old_" + name.removesuffix(".php"), old, methods=["GET", "POST"])
    routes.add_url_rule(
        "/<project>/news/job/<job_number:job_id>", "job_news", partial(long_poll.poll_job, server)
    )
    routes.add_url_rule("/<project>/news/jobs", "list_news", partial(long_poll.poll_list, server))
    routes.add_url_rule("/<path:anything>", "nothing", partial(_nothing, server))


def _old(server: Runtime, page: Page) -> Response:
    """Return the response for an address of LGI's, which has the project in a parameter."""
    project = request.args.get("project", "")
    return dispatch.dispatch(server, page, project if project in server.config.projects else "")


def _nothing(server: Runtime, _error: object = None, **_place: str) -> Response:
    return responses.not_found(_known(server))


def _come_again() -> Response | None:
    """Answer a request from a link on another site, which comes without the session cookie.

    A new session would replace the open one. So the answer is a page that loads the address again, this time
    with the cookie.
    """
    if request.method != "GET" or not browser_guard.comes_from_elsewhere(request.environ):
        return None
    return responses.html("basic_interface/again.html", HTTPStatus.OK)


def is_for_a_person(config: Config, asked: Request) -> bool:
    """Return whether a browser requests an address of the web interface, existing or not."""
    if not config.basic_interface or "text/html" not in asked.headers.get("Accept", ""):
        return False
    return f"{asked.path}/".startswith(f"{config.prefix}/{NAME}/")


def _refused(server: Runtime, refused: LGIError) -> Response:
    """Return the response for an error that was raised before the session was opened."""
    return responses.refusal(_known(server), refused)


def _known(server: Runtime) -> PageUser | None:
    """Return the user of the request in the first project that the certificate allows, None without one."""
    try:
        return dispatch.authenticate(server, "")
    except LGIError:
        return None
