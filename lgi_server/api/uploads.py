"""Posted files on their way into a repository: spooled beside it, so that storing one is a link."""

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
from lgi_server.storage.base import Upload, uploaded_name
from lgi_server.storage.threadpool import fsync_file
from lgi_server.storage.upload_budget import UploadBudget

log = logging.getLogger("lgi.api")
# The one of the system: gevent's lets others run meanwhile, who may close the connection.
_poll = monkey.get_original("select", "poll")


class UploadFile:
    """A posted file while it comes in. It is open only while it is written to: there may be many."""

    def __init__(self, budget: UploadBudget, most: int) -> None:
        """At most so many bytes, as far as the budget of the request allows them."""
        with budget.new_file() as opened:
            self.path = Path(opened.name)
        self._budget = budget
        self.size = 0
        self._digest = hashlib.sha256()
        self._most = most

    def write(self, data: bytes) -> int:
        """Add to the file; LGIError FILE_TOO_BIG before it becomes too big, or StorageFullError."""
        self.size += len(data)
        if self.size > self._most:
            raise LGIError(ErrorNumber.FILE_TOO_BIG, f"at most {self._most} bytes are allowed")
        self._budget.spend(len(data))
        self._digest.update(data)
        with self.path.open("ab") as opened:
            return opened.write(data)

    @property
    def digest(self) -> str:
        """What is the same for the same file only."""
        return self._digest.hexdigest()

    def seek(self, _offset: int, _whence: int = 0) -> int:
        """Werkzeug goes back to the beginning when a file is complete; nobody reads it from here."""
        return 0

    def close(self) -> None:
        """Nothing is open."""


class SpoolingRequest(FormRequest):
    """Posted files go to the repositories' incoming directory instead of /tmp."""

    def __init__(self, environ: Any, largest: int, takes_together: bool) -> None:
        """Create a request whose files have at most so many bytes each.

        With ``takes_together`` they come as one file.
        """
        super().__init__(environ)
        self._takes_together = takes_together
        self._largest = largest
        self._arrived: list[Path] = []

    def _get_file_stream(
        self,
        total_content_length: int | None,
        content_type: str | None,
        filename: str | None = None,
        content_length: int | None = None,
    ) -> Any:
        """Where Werkzeug writes a posted file."""
        whole = self.max_content_length if self._takes_together else None
        if self.budget is None:
            raise LGIError(ErrorNumber.UPLOAD, message="This call takes no files")
        arrival = UploadFile(self.budget, whole or self._largest)
        self._arrived.append(arrival.path)
        return arrival

    def forget_arrivals(self) -> None:
        """At the end of a request: what no repository has taken is removed."""
        _remove(self._arrived)


class PageRequest(FormRequest, flask.Request):
    """A request for a page: posted fields, and files only where a page has asked for them."""

    # Flask has its own, from its configuration.
    max_form_memory_size = FormRequest.max_form_memory_size
    max_form_parts = FormRequest.max_form_parts
    # Set by a page that takes files, as is its budget: bytes of each at most.
    most_file = 0
    # The files that have come so far.
    arrived: Sequence[Path] = ()

    def _get_file_stream(self, *_args: Any, **_named: Any) -> Any:
        """Where Werkzeug writes a posted file."""
        if self.budget is None:
            raise LGIError(ErrorNumber.UPLOAD, message="This call takes no files")
        arrival = UploadFile(self.budget, self.most_file)
        self.arrived = [*self.arrived, arrival.path]
        return arrival

    def forget_arrivals(self) -> None:
        """At the end of a request: what no repository has taken is removed."""
        _remove(self.arrived)


def _remove(paths: Sequence[Path]) -> None:
    """Remove files; what cannot be removed is told to the log, since the call has its answer already."""
    for path in paths:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            log.warning("cannot remove %s: %s", path, error.strerror)


def client_disconnected(request: Request) -> bool:
    """Whether a request's connection has ended, or says something though it is not its turn."""
    connection = request.environ.get("gunicorn.socket")
    if connection is None:
        return False
    if connection.fileno() < 0:
        return True
    poll = _poll()
    poll.register(connection, select.POLLIN)
    return bool(poll.poll(0))


def uploads_of(request: Request) -> tuple[Upload, ...]:
    """Return the announced files of a submit, on the disk; LGIError UPLOAD.

    # As LGI: files that number_of_uploaded_files does not announce are ignored.
    """
    announced = request.form.get("number_of_uploaded_files", "").strip()
    count = int(announced) if announced.isascii() and announced.isdigit() and len(announced) < 10 else 0
    if count > len(request.files):
        raise LGIError(ErrorNumber.UPLOAD, f"{count} files announced, {len(request.files)} came")
    return tuple(_upload(request, number) for number in range(1, count + 1))


def _upload(request: Request, number: int) -> Upload:
    posted = request.files.get(f"uploaded_file_{number}")
    if posted is None:
        raise LGIError(ErrorNumber.UPLOAD, f"uploaded_file_{number} did not come")
    return _stored(posted)


def chosen_files(request: Request, field: str) -> tuple[Upload, ...]:
    """Return the files a browser sends for a field, on the disk.

    Raises LGIError UPLOAD. One without a name is none.
    """
    return tuple(_stored(posted) for posted in request.files.getlist(field) if posted.filename)


def _stored(posted: FileStorage) -> Upload:
    name = uploaded_name(posted.filename or "")
    arrival = cast(UploadFile, posted.stream)
    properties = file_properties.of_headers(posted.headers)
    with arrival.path.open("rb") as opened:
        fsync_file(opened)
    return Upload(name, arrival.path, arrival.digest, properties=properties)
