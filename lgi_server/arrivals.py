"""Posted files on their way into a repository: spooled beside it, so that storing one is a link."""

from pathlib import Path
from typing import IO, Any, cast
from urllib.parse import parse_qsl

from flask import Request, current_app, g
from werkzeug.exceptions import RequestEntityTooLarge

from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_server.aside import on_the_disk
from lgi_server.services.repositories import Repositories, Upload, uploaded_name


class SpoolingRequest(Request):
    """Posted files go to the repositories' incoming directory instead of /tmp."""

    # Text fields together: input, output, job_specifics and an update at their largest.
    max_form_memory_size = 1024 * 1024
    max_form_parts = 2048

    @property
    def mimetype_params(self) -> dict[str, str]:
        """As Werkzeug reads them, and the boundary of LGI.py too, which has an ``@`` and no quotes."""
        parameters = super().mimetype_params
        if "boundary" not in parameters:
            _, found, rest = self.headers.get("Content-Type", "").partition("boundary=")
            if found:
                return {**parameters, "boundary": rest.partition(";")[0].strip().strip('"')}
        return parameters

    def _get_file_stream(
        self,
        total_content_length: int | None,
        content_type: str | None,
        filename: str | None = None,
        content_length: int | None = None,
    ) -> IO[bytes]:
        """Where Werkzeug writes a posted file."""
        store: Repositories = current_app.config["STORE"]
        arrived = store.new_arrival()
        g.setdefault("arrivals", []).append(arrived)
        return arrived


def urlencoded(request: Request) -> dict[str, str]:
    """Fields without files. Werkzeug hides bytes that are not UTF-8 as ``%XX``; here they stay visible.

    Raises RequestEntityTooLarge, or ValueError for too many fields.
    """
    limit = SpoolingRequest.max_form_memory_size
    body = request.stream.read(limit + 1)
    if len(body) > limit:
        raise RequestEntityTooLarge
    text = body.decode("utf-8", "replace")
    return dict(reversed(parse_qsl(text, keep_blank_values=True, errors="replace", max_num_fields=1000)))


def forget_arrivals(_error: BaseException | None = None) -> None:
    """At the end of a request: what no repository has taken is removed."""
    for arrived in g.pop("arrivals", []):
        Repositories.forget(arrived)


def uploads_of(request: Request, max_file_size: int) -> tuple[Upload, ...]:
    """The announced files of a submit, on the disk; LGIError UPLOAD or FILE_TOO_BIG.

    # As LGI: files that number_of_uploaded_files does not announce are ignored.
    """
    announced = request.form.get("number_of_uploaded_files", "").strip()
    count = int(announced) if announced.isascii() and announced.isdigit() and len(announced) < 10 else 0
    if count > len(request.files):
        raise LGIError(ErrorNumber.UPLOAD, f"{count} files announced, {len(request.files)} came")
    return tuple(_upload(request, number, max_file_size) for number in range(1, count + 1))


def _upload(request: Request, number: int, max_file_size: int) -> Upload:
    posted = request.files.get(f"uploaded_file_{number}")
    if posted is None:
        raise LGIError(ErrorNumber.UPLOAD, f"uploaded_file_{number} did not come")
    name = uploaded_name(posted.filename or "")
    arrived = cast(Any, posted.stream)
    arrived.seek(0, 2)
    if arrived.tell() > max_file_size:
        raise LGIError(ErrorNumber.FILE_TOO_BIG, f"{name[:80]!r}: at most {max_file_size} bytes are allowed")
    on_the_disk(arrived)
    return Upload(name, Path(arrived.name))
