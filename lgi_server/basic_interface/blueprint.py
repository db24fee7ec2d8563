"""The addresses of the pages."""

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
    """A job's number as calls take it: no database has longer ones."""

    regex = r"[0-9]{1,9}"


def blueprint(server: Runtime) -> Blueprint:
    """Return all pages below ``/basic_interface``."""
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
    """Where visitors begin, held requests, what LGI's pages were called, and everything else."""
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
    """Return a page of LGI's: these carried their project in a parameter."""
    project = request.args.get("project", "")
    return dispatch.dispatch(server, page, project if project in server.config.projects else "")


def _nothing(server: Runtime, _error: object = None, **_place: str) -> Response:
    return responses.not_found(_known(server))


def _come_again() -> Response | None:
    """Answer a link of another site, which comes without the cookie of an open session.

    A new session would replace the open one.

    The page that is answered asks for itself, and then the cookie is there.
    """
    if request.method != "GET" or not browser_guard.comes_from_elsewhere(request.environ):
        return None
    return responses.html("basic_interface/again.html", HTTPStatus.OK)


def is_for_a_person(config: Config, asked: Request) -> bool:
    """Return whether a browser asks for a page of ours, be it there or not."""
    if not config.basic_interface or "text/html" not in asked.headers.get("Accept", ""):
        return False
    return f"{asked.path}/".startswith(f"{config.prefix}/{NAME}/")


def _refused(server: Runtime, refused: LGIError) -> Response:
    """Return what was refused before a session was looked for."""
    return responses.refusal(_known(server), refused)


def _known(server: Runtime) -> PageUser | None:
    """Return who is there, in any project the certificate is for."""
    try:
        return dispatch.authenticate(server, "")
    except LGIError:
        return None
