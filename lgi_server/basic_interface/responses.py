"""The answers of pages: HTML from templates, files to save, and refusals that say what to do."""

from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from flask import Response, render_template

from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_server.basic_interface.registry import Download, PageUser, Redirect, Template

# No script or style but our own files, nothing from elsewhere, and nobody puts a page into one of theirs.
CONTENT_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self';"
    " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_STATUS = {
    ErrorNumber.CERTIFICATE: HTTPStatus.FORBIDDEN,
    ErrorNumber.PROJECT_REFUSED: HTTPStatus.FORBIDDEN,
    ErrorNumber.NO_JOB: HTTPStatus.NOT_FOUND,
    ErrorNumber.READ_REFUSED: HTTPStatus.FORBIDDEN,
    ErrorNumber.MODIFY_REFUSED: HTTPStatus.FORBIDDEN,
    ErrorNumber.FORGERY: HTTPStatus.FORBIDDEN,
    ErrorNumber.BACK_OFF: HTTPStatus.SERVICE_UNAVAILABLE,
    ErrorNumber.DATABASE: HTTPStatus.INTERNAL_SERVER_ERROR,
    ErrorNumber.FILE_TOO_BIG: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    ErrorNumber.POST_TOO_BIG: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
}


def response(visitor: PageUser, answer: Template | Redirect | Download) -> Response:
    """Return an answer as HTTP says it."""
    if isinstance(answer, Redirect):
        leads = moved(f"{visitor.base}/{answer.path}")
        for name, value in answer.keep.items():
            leads.set_cookie(name, value, path="/", secure=True, httponly=True, samesite="Strict")
        return leads
    if isinstance(answer, Download):
        return _saved(answer)
    return html(answer.template, answer.status, visitor=visitor, base=visitor.base, **answer.values)


def moved(address: str) -> Response:
    """Another address of this server to go to."""
    # 303: what follows a form is fetched, whatever the form's method was.
    return Response(status=HTTPStatus.SEE_OTHER, headers={"Location": address})


def _saved(answer: Download) -> Response:
    name = quote(answer.name, safe="")
    headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{name}", "Cache-Control": "no-store"}
    return Response(answer.data, content_type="application/octet-stream", headers=headers)


def html(template: str, status: HTTPStatus, **values: Any) -> Response:
    """Return a page from a template; nothing keeps a copy of it."""
    answer = Response(render_template(template, **values), status, content_type="text/html; charset=utf-8")
    answer.headers["Content-Security-Policy"] = CONTENT_POLICY
    answer.headers["Cache-Control"] = "no-store"
    return answer


def plain(status: int, text: str) -> Response:
    """Return an answer for the scripts of a page."""
    return Response(
        text, status, content_type="text/plain; charset=utf-8", headers={"Cache-Control": "no-store"}
    )


def status_of(refused: LGIError) -> HTTPStatus:
    """Return what a refusal is called in HTTP."""
    return _STATUS.get(refused.number, HTTPStatus.BAD_REQUEST)


def refusal(visitor: PageUser | None, refused: LGIError) -> Response:
    """Return what was refused, why, and what to do."""
    base = visitor.base if visitor else ""
    return html(
        "basic_interface/refusal.html", status_of(refused), visitor=visitor, base=base, refused=refused
    )


def not_found(visitor: PageUser | None) -> Response:
    """Return an address that leads nowhere."""
    base = visitor.base if visitor else ""
    return html("basic_interface/not_found.html", HTTPStatus.NOT_FOUND, visitor=visitor, base=base)
