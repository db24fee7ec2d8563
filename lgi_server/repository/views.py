"""GET, PUT, DELETE and listing of repositories (wire.md 8)."""

import logging
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from urllib.parse import quote

from flask import Blueprint, Response, request
from werkzeug.exceptions import (
    NotFound,
    RequestedRangeNotSatisfiable,
)
from werkzeug.routing import PathConverter
from werkzeug.wsgi import FileWrapper, wrap_file

from lgi_protocol import file_properties, xml
from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_protocol.xml import Element
from lgi_server.api import form_parser, responses
from lgi_server.api.call_record import Caller, log_account
from lgi_server.api.dispatch import authenticate
from lgi_server.auth.api_token import Scope
from lgi_server.auth.job_certificate import JobCertificate
from lgi_server.background.concurrency_limiter import JOB_SLOTS
from lgi_server.repository import body, post
from lgi_server.runtime import Runtime
from lgi_server.services.access.repositories import RepositoryAccess
from lgi_server.storage import repository
from lgi_server.storage.pending_uploads import StorageFullError
from lgi_server.storage.repository import NoSuchFileError, NoSuchRepositoryError
from lgi_server.storage.store_errors import StoreUnavailableError
from lgi_server.storage.threadpool import fsync_file

log = logging.getLogger("lgi.repository")
# How many seconds a request waits for a slot of its caller before it gets HTTP 503.
WAIT_SECONDS = 20.0
_STATUS = {
    ErrorNumber.CERTIFICATE: HTTPStatus.FORBIDDEN,
    ErrorNumber.PROJECT_REFUSED: HTTPStatus.FORBIDDEN,
    ErrorNumber.READ_REFUSED: HTTPStatus.FORBIDDEN,
    ErrorNumber.MODIFY_REFUSED: HTTPStatus.FORBIDDEN,
    ErrorNumber.FILE_TOO_BIG: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    ErrorNumber.POST_TOO_BIG: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    ErrorNumber.UPLOAD: HTTPStatus.BAD_REQUEST,
    ErrorNumber.BROWSER_SESSION: HTTPStatus.FORBIDDEN,
    ErrorNumber.BACK_OFF: HTTPStatus.SERVICE_UNAVAILABLE,
}


class AnyPath(PathConverter):
    """A path with any character, also line ends, so that an invalid name gets a proper error."""

    regex = "[^/](?s:.*?)"


def blueprint(server: Runtime) -> Blueprint:
    """Return the routes of the repositories; the application has `AnyPath` as the converter ``any_path``."""
    routes = Blueprint("repository", __name__)
    for name in ("repository_content", "repository_content.php"):
        routes.add_url_rule(
            f"/repository/{name}",
            endpoint=name.replace(".", "_"),
            view_func=partial(_guarded, server, _list),
            methods=["GET", "POST"],
        )
    routes.add_url_rule(
        "/repository/<fan>/<name>",
        endpoint="post",
        view_func=partial(_guarded, server, post.post),
        methods=["POST"],
    )
    # A repository itself cannot be read.
    routes.add_url_rule(
        "/repository/<fan>/<name>", endpoint="none", view_func=_none, methods=["GET", "PUT", "DELETE"]
    )
    for method, view in (("GET", _get), ("PUT", _put), ("DELETE", _delete)):
        routes.add_url_rule(
            "/repository/<fan>/<name>/<any_path:file>",
            endpoint=method.lower(),
            view_func=partial(_guarded, server, view),
            methods=[method],
        )
    return routes


def _guarded(server: Runtime, view: Callable[..., Response], **place: str) -> Response:
    """Authenticate the caller, run a view, and answer its exceptions with a status document."""
    with ExitStack() as held:
        answer = _answered(server, view, held, place)
        # A file is sent after this.
        answer.call_on_close(held.pop_all().close)
        return answer


def _answered(
    server: Runtime, view: Callable[..., Response], held: ExitStack, place: Mapping[str, str]
) -> Response:
    who: Caller | None = None
    try:
        writes = request.method in {"PUT", "DELETE"}
        scopes = (Scope.FILES,) if writes or view is post.post else (Scope.FILES, Scope.READ)
        who = authenticate(server, request.environ, *scopes, programs_only=writes)
        most = JOB_SLOTS if isinstance(who, JobCertificate) else None
        connection = request.environ.get("gunicorn.socket")
        held.enter_context(server.transfers.slot(who.account, most, WAIT_SECONDS, connection))
        access = server.repository_access(who, time.time())
        if place and place["fan"] != place["name"][-3:]:
            raise NoSuchRepositoryError(place["name"])
        answer = view(server, access, **{key: place[key] for key in place if key != "fan"})
        caller, number = who.caller, answer.status_code
        log.info("%s %r %r %d", request.method, request.path, caller, number, extra=log_account(who))
        return answer
    except NoSuchFileError as missing:
        return status(HTTPStatus.NOT_FOUND, missing.message)
    except StorageFullError as full:
        log.error("%s %r: %s", request.method, request.path, full, extra=log_account(who))
        return status(HTTPStatus.INSUFFICIENT_STORAGE, full.message)
    except StoreUnavailableError as away:
        return status(HTTPStatus.SERVICE_UNAVAILABLE, away.message)
    except LGIError as refused:
        why = ascii(str(refused))
        log.warning("%s %r refused: %s", request.method, request.path, why, extra=log_account(who))
        found = _STATUS.get(refused.number, HTTPStatus.INTERNAL_SERVER_ERROR)
        return status(found, refused.message)
    except OSError as error:
        log.error("%s %r failed: %s", request.method, request.path, error)
        return status(HTTPStatus.INTERNAL_SERVER_ERROR, f"The repository cannot be used: {error.strerror}")


def _none(**_place: str) -> Response:
    raise NotFound


def status(number: HTTPStatus, message: str) -> Response:
    """Return the status document of PUT, DELETE and errors; ``number`` is the HTTP status too."""
    body = xml.write(Element("status", (Element("number", number.value), Element("message", message))))
    return Response(f"{body}\n", status=number.value, content_type="text/xml; charset=utf-8")


def _list(server: Runtime, access: RepositoryAccess) -> Response:
    """Return the list of files of a repository; it is empty for an unknown one."""
    name = (
        request.args.get("repository") or form_parser.posted_fields(request).get("repository", "")
    ).strip()
    known = name if repository.is_name(name) else ""
    files = server.store.content(known) if known and _is_visible(access, known) else []
    body = Element(
        "repository_content", (Element("repository_name", known), *responses.repository_files(files))
    )
    return Response(f"{xml.write(body)} \n", content_type="text/xml; charset=utf-8")


def _is_visible(access: RepositoryAccess, name: str) -> bool:
    try:
        access.check_reader(name)
    except NoSuchFileError:
        return False
    return True


def _get(server: Runtime, access: RepositoryAccess, name: str, file: str) -> Response:
    """Return a file or a range of it, as a download that browsers do not display."""
    access.check_reader(name)
    opened = server.store.open(name, file)
    opened.seek(0, 2)
    size = opened.tell()
    opened.seek(0)
    details = server.store.details(opened)
    # An object is read from where a range begins, to which the wrapper of a WSGI server cannot seek.
    in_store = server.config.object_store is not None
    content = FileWrapper(opened, body.BLOCK) if in_store else wrap_file(request.environ, opened, body.BLOCK)
    answer = Response(content, content_type="application/octet-stream")
    answer.content_length = size
    answer.headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(file, safe='')}"
    answer.set_etag(details.version)
    try:
        # By ETag only: a date has seconds, and a resumed download must not join two versions of a file.
        answer.make_conditional(request.environ, accept_ranges=True, complete_length=size)
    except RequestedRangeNotSatisfiable:
        answer.close()
        refused = status(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, f"The file has {size} bytes")
        refused.headers["Content-Range"] = f"bytes */{size}"
        refused.headers["ETag"] = answer.headers["ETag"]
        return refused
    answer.last_modified = datetime.fromtimestamp(details.modified // 10**9, UTC)
    answer.headers.update(details.properties.headers())
    return answer


def _put(server: Runtime, access: RepositoryAccess, name: str, file: str) -> Response:
    """Store a file, visible only when it is complete; a Content-Length above the quota is refused first."""
    access.check_writer(name)
    repository.file_name(file)
    quota = server.store.quota(name)
    quota.check(file, request.content_length or 0)
    request.max_content_length = server.config.max_post_size
    budget = server.store.budget(access.account, name)
    budget.limit(quota, file)
    budget.announce(request.content_length or 0)
    with budget.temporary_file() as arrived:
        size = body.receive(request, arrived, budget, server)
        if request.content_length not in {None, size}:
            raise LGIError(ErrorNumber.UPLOAD, f"{size} of {request.content_length} bytes were received")
        fsync_file(arrived)
        access.check_again(name)
        server.store.put(name, file, arrived, file_properties.of_headers(request.headers))
    return status(HTTPStatus.OK, f"Uploaded {file} ({size} bytes)")


def _delete(server: Runtime, access: RepositoryAccess, name: str, file: str) -> Response:
    """Delete a file."""
    access.check_writer(name)
    server.store.delete(name, file)
    return status(HTTPStatus.OK, f"Deleted {file}")
