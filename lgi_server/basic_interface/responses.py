"""HTTP responses of pages: HTML from templates, downloads, redirects, errors."""

from contextlib import ExitStack
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from flask import Response, render_template, request

from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_server.basic_interface.advice import advice
from lgi_server.basic_interface.registry import Download, FileStream, Finished, PageUser, Redirect

# Scripts, styles and images only from this server; no page may be in a frame of another site.
CONTENT_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self';"
    " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_NO_FRAME = "default-src 'none'; frame-ancestors 'none'"
_STATUS = {
    ErrorNumber.CERTIFICATE: HTTPStatus.FORBIDDEN,
    ErrorNumber.PROJECT_REFUSED: HTTPStatus.FORBIDDEN,
    ErrorNumber.NO_JOB: HTTPStatus.NOT_FOUND,
    ErrorNumber.RESOURCE_UNKNOWN: HTTPStatus.NOT_FOUND,
    ErrorNumber.READ_REFUSED: HTTPStatus.FORBIDDEN,
    ErrorNumber.MODIFY_REFUSED: HTTPStatus.FORBIDDEN,
    ErrorNumber.FORGERY: HTTPStatus.FORBIDDEN,
    ErrorNumber.BACK_OFF: HTTPStatus.SERVICE_UNAVAILABLE,
    ErrorNumber.DATABASE: HTTPStatus.INTERNAL_SERVER_ERROR,
    ErrorNumber.FILE_TOO_BIG: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    ErrorNumber.POST_TOO_BIG: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
}


def response(visitor: PageUser, answer: Finished) -> Response:
    """Return the HTTP response for the answer of a page."""
    if isinstance(answer, Redirect):
        redirect = moved(f"{visitor.base}/{answer.path}")
        for name, value in answer.keep.items():
            redirect.set_cookie(name, value, path="/", secure=True, httponly=True, samesite="Strict")
        return redirect
    if isinstance(answer, Download):
        return _saved(answer)
    if isinstance(answer, FileStream):
        return _streamed(visitor, answer)
    return html(answer.template, answer.status, visitor=visitor, base=visitor.base, **answer.values)


def moved(address: str) -> Response:
    """Return a redirect to another address of this server."""
    # 303: the browser uses GET, also after a POST.
    return Response(status=HTTPStatus.SEE_OTHER, headers={"Location": address})


def _saved(answer: Download) -> Response:
    if answer.picture:
        # Opened by itself, too, it is nothing that can run a script.
        headers = {"Content-Security-Policy": f"sandbox; {_NO_FRAME}", "Cache-Control": "no-store"}
        return Response(answer.data, content_type=answer.picture, headers=headers)
    return Response(answer.data, content_type="application/octet-stream", headers=_attachment(answer.name))


def _attachment(name: str) -> dict[str, str]:
    disposition = f"attachment; filename*=UTF-8''{quote(name, safe='')}"
    return {"Content-Disposition": disposition, "Cache-Control": "no-store"}


def _streamed(visitor: PageUser, answer: FileStream) -> Response:
    """Return an archive, for which the user has a slot as for a file of a repository; LGIError BACK_OFF.

    Who reads it slowly loses the slot when others wait for one.
    """
    connection = request.environ.get("gunicorn.socket")
    with ExitStack() as held:
        held.enter_context(visitor.server.transfers.slot(visitor.who.account, holder=connection))
        response = Response(answer.parts, content_type="application/zip", headers=_attachment(answer.name))
        # It is sent after this.
        response.call_on_close(held.pop_all().close)
    return response


def html(template: str, status: HTTPStatus, **values: Any) -> Response:
    """Return a page from a template, which must not be cached."""
    return page(render_template(template, **values), status)


def page(text: str | bytes, status: HTTPStatus = HTTPStatus.OK) -> Response:
    """Return a page with this HTML, which must not be cached."""
    answer = Response(text, status, content_type="text/html; charset=utf-8")
    answer.headers["Content-Security-Policy"] = CONTENT_POLICY
    answer.headers["Cache-Control"] = "no-store"
    return answer


def plain(status: int, text: str) -> Response:
    """Return plain text for the scripts of a page."""
    return Response(
        text, status, content_type="text/plain; charset=utf-8", headers={"Cache-Control": "no-store"}
    )


def status_of(refused: LGIError) -> HTTPStatus:
    """Return the HTTP status for an LGIError."""
    return _STATUS.get(refused.number, HTTPStatus.BAD_REQUEST)


def refusal(visitor: PageUser | None, refused: LGIError) -> Response:
    """Return the page for an LGIError: the reason, and what to do."""
    base = visitor.base if visitor else ""
    values = {"visitor": visitor, "base": base, "refused": refused, "advice": advice(refused)}
    return html("basic_interface/refusal.html", status_of(refused), **values)


def not_found(visitor: PageUser | None) -> Response:
    """Return the page for an unknown address."""
    base = visitor.base if visitor else ""
    return html("basic_interface/not_found.html", HTTPStatus.NOT_FOUND, visitor=visitor, base=base)
