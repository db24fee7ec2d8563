"""POST of a repository: many files in one request (wire.md 8, ours)."""

from http import HTTPStatus
from pathlib import Path
from typing import cast

from flask import Response, request
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import ClientDisconnected, HTTPException, RequestEntityTooLarge

from lgi_protocol import xml
from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_protocol.xml import Element
from lgi_server.api.form_parser import FormRequest, why_it_ended
from lgi_server.api.uploads import PageRequest, UploadFile
from lgi_server.auth import browser_guard
from lgi_server.runtime import Runtime
from lgi_server.services.access.repositories import RepositoryAccess
from lgi_server.storage import file_list
from lgi_server.storage.copies import copied, store_all
from lgi_server.storage.pending_uploads import StorageFullError
from lgi_server.storage.repository import Upload
from lgi_server.storage.store_errors import StoreUnavailableError
from lgi_server.storage.upload_budget import UploadBudget

_STATUS = {ErrorNumber.FILE_TOO_BIG: HTTPStatus.REQUEST_ENTITY_TOO_LARGE}


def post(server: Runtime, access: RepositoryAccess, name: str) -> Response:
    """Store files and return a status for each, as PUT does; a bad request stores none: LGIError."""
    browser_guard.check_is_program(request.environ)
    access.check_writer(name)
    posted = cast(PageRequest, request)
    try:
        budget = server.store.budget(access.account, name)
        uploads = _uploads(server, posted, budget)
        with copied(server.store, name, uploads, budget) as copies:
            access.check_again(name)
            store_all(server.store, name, copies)
        return _answer(server, name, uploads, [copy.refused for copy in copies])
    finally:
        posted.remove_arrived_files()


def _uploads(server: Runtime, posted: PageRequest, budget: UploadBudget) -> list[Upload]:
    """Return the posted files; LGIError POST_TOO_BIG or UPLOAD, OSError when the disk is full."""
    posted.budget, posted.max_file_size = budget, server.config.max_post_size
    posted.max_content_length = server.config.max_post_size
    try:
        listed, contents = posted.form.get("files", ""), posted.files.get("uploaded_file_1")
    except RequestEntityTooLarge:
        most = server.config.max_post_size
        raise LGIError(ErrorNumber.POST_TOO_BIG, f"at most {most} bytes, of which 1 MB is text") from None
    except ClientDisconnected as error:
        raise LGIError(ErrorNumber.UPLOAD, why_it_ended(error)) from None
    except (HTTPException, ParseException, ValueError):
        raise LGIError(ErrorNumber.UPLOAD, message="The request cannot be read") from None
    return file_list.read(listed, _path(contents.stream) if contents else None)


def _path(stream: object) -> Path:
    return cast(UploadFile, stream).path


def _answer(server: Runtime, name: str, uploads: list[Upload], refusals: list[LGIError | None]) -> Response:
    most_bytes = max(0, server.config.max_post_size - FormRequest.max_form_memory_size - 2**16)
    statuses = [
        _status(number, upload, refused)
        for number, (upload, refused) in enumerate(zip(uploads, refusals, strict=True), 1)
    ]
    body = Element(
        "repository_files",
        (
            Element("repository_name", name),
            Element("most_files", file_list.MOST_FILES),
            Element("most_bytes", most_bytes),
            Element("number_of_files", len(uploads)),
            *statuses,
        ),
    )
    return Response(f"{xml.write(body)} \n", content_type="text/xml; charset=utf-8")


def _status_of(refused: LGIError) -> HTTPStatus:
    if isinstance(refused, StorageFullError):
        return HTTPStatus.INSUFFICIENT_STORAGE
    if isinstance(refused, StoreUnavailableError):
        return HTTPStatus.SERVICE_UNAVAILABLE
    return _STATUS.get(refused.number, HTTPStatus.BAD_REQUEST)


def _status(number: int, upload: Upload, refused: LGIError | None) -> Element:
    status, message = HTTPStatus.OK, f"Uploaded {upload.name} ({upload.size} bytes)"
    if refused is not None:
        status, message = _status_of(refused), refused.message
    return Element("status", (Element("number", status.value), Element("message", message)), number)
