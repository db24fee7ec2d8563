"""The addresses of the JSON view, its description, and what it answers to requests of no operation."""

from http import HTTPStatus

from flask import Blueprint, Response
from werkzeug.exceptions import HTTPException

from lgi_server.json_api import (
    administration,
    change_operations,
    job_operations,
    openapi,
    problem,
    project_operations,
    token_operations,
)
from lgi_server.json_api.endpoint import JsonEndpoint, respond
from lgi_server.runtime import Runtime

FILES = "list_job_files"
NAME, PATH = "json_api", "/api/v1"
OPERATIONS = (
    *job_operations.OPERATIONS,
    *change_operations.OPERATIONS,
    *project_operations.OPERATIONS,
    *token_operations.OPERATIONS,
    *administration.OPERATIONS,
)


def blueprint(server: Runtime) -> Blueprint:
    """Return the routes of all operations, below ``/api/v1``."""
    routes = Blueprint(NAME, __name__)
    for one in OPERATIONS:
        routes.add_url_rule(
            one.path.replace("{", "<job_number:").replace("}", ">"),
            endpoint=one.name,
            view_func=JsonEndpoint(server, one),
            methods=[one.method],
        )
    files = JsonEndpoint(server, next(one for one in OPERATIONS if one.name == FILES))
    routes.add_url_rule(
        "/jobs/<job_number:job_id>/files/<file>",
        endpoint="job_file",
        view_func=files.redirect,
        methods=["GET", "PUT", "DELETE"],
    )
    described = openapi.document(OPERATIONS, server.config.prefix)

    def description() -> Response:
        return respond(described)

    routes.add_url_rule("/openapi.json", "openapi", description, methods=["GET"])
    return routes


def is_below(path: str, prefix: str) -> bool:
    """Return whether a path is one of the JSON view, existing or not."""
    return path.startswith(f"{prefix}/api/")


def unanswered(error: HTTPException) -> Response:
    """Return the response for an unknown address, or one that does not know the method."""
    status = HTTPStatus(error.code or HTTPStatus.INTERNAL_SERVER_ERROR)
    made = respond(problem.of_status(status, error.description or ""), status, problem.CONTENT_TYPE)
    for name, value in error.get_headers():
        if name.lower() != "content-type":
            made.headers[name] = value
    return made
