"""Posted files, spooled in the file system of the repositories, so that storing one is a hard link."""

import hashlib
import logging
import select
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import flask
from gevent import monkey
from werkzeug import Request
from werkzeug.datastructures import FileStorage

from lgi_protocol import file_properties
from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_server.api.form_parser import FormRequest
from lgi_server.storage.repository import Upload, uploaded_name
from lgi_server.storage.threadpool import fsync_file
from lgi_server.storage.upload_budget import UploadBudget

log = logging.getLogger("lgi.api")
# Not gevent's: that one lets other greenlets run, which may close the connection.
_poll = monkey.get_original("select", "poll")


class UploadFile:
    """A posted file while it is received; it is open only during a write, since there may be many."""

    def __init__(self, budget: UploadBudget, max_size: int) -> None:
        """Create the file; it may have ``max_size`` bytes, and as many as the budget allows."""
        with budget.new_file() as opened:
            self.path = Path(opened.name)
        self._budget = budget
        self.size = 0
        self._digest = hashlib.sha256()
        self._max_size = max_size

    def write(self, data: bytes) -> int:
        """Append data; LGIError FILE_TOO_BIG before the file becomes too big, or StorageFullError."""
        self.size += len(data)
        if self.size > self._max_size:
            raise LGIError(ErrorNumber.FILE_TOO_BIG, f"at most {self._max_size} bytes are allowed")
        self._budget.spend(len(data))
        self._digest.update(data)
        with self.path.open("ab") as opened:
            return opened.write(data)

    @property
    def digest(self) -> str:
        """The SHA-256 of the content so far, as hexadecimal digits."""
        return self._digest.hexdigest()

    def seek(self, _offset: int, _whence: int = 0) -> int:
        """Do nothing: Werkzeug seeks to the start of a complete file, but nothing reads it from here."""
        return 0

    def close(self) -> None:
        """Do nothing: the file is not open."""


class SpoolingRequest(FormRequest):
    """A request whose posted files go to the incoming directory of the repositories, not to /tmp."""

    def __init__(self, environ: Any, max_file_size: int, is_bulk: bool) -> None:
        """Create a request; in a bulk submit one file may be as large as the whole request."""
        super().__init__(environ)
        self._is_bulk = is_bulk
        self._max_file_size = max_file_size
        self._arrived: list[Path] = []

    def _get_file_stream(
        self,
        total_content_length: int | None,
        content_type: str | None,
        filename: str | None = None,
        content_length: int | None = None,
    ) -> Any:
        """Return the object that Werkzeug writes a posted file to."""
        whole = self.max_content_length if self._is_bulk else None
        if self.budget is None:
            raise LGIError(ErrorNumber.UPLOAD, message="This call takes no files")
        arrival = UploadFile(self.budget, whole or self._max_file_size)
        self._arrived.append(arrival.path)
        return arrival

    def remove_arrived_files(self) -> None:
        """Remove the posted files that no repository has taken."""
        _remove(self._arrived)


class PageRequest(FormRequest, flask.Request):
    """A request for a page or repository; it takes files if ``store`` is set."""

    # Flask would take them from its configuration.
    max_form_memory_size = FormRequest.max_form_memory_size
    max_form_parts = FormRequest.max_form_parts
    # Bytes of each file at most; set by a page that takes files, as is the budget.
    max_file_size = 0
    # The files received so far.
    arrived: Sequence[Path] = ()

    def _get_file_stream(self, *_args: Any, **_named: Any) -> Any:
        """Return the object that Werkzeug writes a posted file to."""
        if self.budget is None:
            raise LGIError(ErrorNumber.UPLOAD, message="This call takes no files")
        arrival = UploadFile(self.budget, self.max_file_size)
        self.arrived = [*self.arrived, arrival.path]
        return arrival

    def remove_arrived_files(self) -> None:
        """Remove the posted files that no repository has taken."""
        _remove(self.arrived)


def _remove(paths: Sequence[Path]) -> None:
    """Remove files; a failure is only logged, since the call has its answer already."""
    for path in paths:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            log.warning("cannot remove %s: %s", path, error.strerror)


def client_disconnected(request: Request) -> bool:
    """Return whether the connection of a request is closed, or has sent data before its answer."""
    connection = request.environ.get("gunicorn.socket")
    if connection is None:
        return False
    if connection.fileno() < 0:
        return True
    poll = _poll()
    poll.register(connection, select.POLLIN)
    return bool(poll.poll(0))


def uploads_of(request: Request) -> tuple[Upload, ...]:
    """Return the files of a submit, written to disk; LGIError UPLOAD.

    # As LGI: files that number_of_uploaded_files does not announce are ignored.
    """
    announced = request.form.get("number_of_uploaded_files", "").strip()
    count = int(announced) if announced.isascii() and announced.isdigit() and len(announced) < 10 else 0
    if count > len(request.files):
        why = f"number_of_uploaded_files is {count}, {len(request.files)} were posted"
        raise LGIError(ErrorNumber.UPLOAD, why)
    return tuple(_upload(request, number) for number in range(1, count + 1))


def _upload(request: Request, number: int) -> Upload:
    posted = request.files.get(f"uploaded_file_{number}")
    if posted is None:
        raise LGIError(ErrorNumber.UPLOAD, f"uploaded_file_{number} is missing")
    return _stored(posted)


def chosen_files(request: Request, field: str) -> tuple[Upload, ...]:
    """Return the files that a browser has posted in a field, written to disk; LGIError UPLOAD.

    A file without a name means that none was chosen.
    """
    return tuple(_stored(posted) for posted in request.files.getlist(field) if posted.filename)


def _stored(posted: FileStorage) -> Upload:
    name = uploaded_name(posted.filename or "")
    arrival = cast(UploadFile, posted.stream)
    properties = file_properties.of_headers(posted.headers)
    with arrival.path.open("rb") as opened:
        fsync_file(opened)
    return Upload(name, arrival.path, arrival.digest, properties=properties)
