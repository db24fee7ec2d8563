"""The parser of all posted forms: of calls, repositories and pages (clients.md 1)."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from gunicorn.http.errors import ParseException
from werkzeug import Request
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import ClientDisconnected, HTTPException, RequestEntityTooLarge

from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_server.storage.upload_budget import UploadBudget

# Bytes of all text fields together: enough for the largest input, output, job_specifics and update.
MOST_TEXT = 1024 * 1024
# Bytes around the fields of a request without files; and of all of such a request, of most calls.
FORM_OVERHEAD = 256 * 1024
MOST_FORM = MOST_TEXT + FORM_OVERHEAD
# An unquoted boundary ends at a semicolon or blank and may have any other character.
_UNQUOTED_BOUNDARY = re.compile(r';[ \t]*boundary=([^";\s]+)', re.IGNORECASE)


class FormRequest(Request):
    """A request whose form may come from old programs; all requests of the server are of this class."""

    max_form_memory_size = MOST_TEXT
    max_form_parts = 2048
    # The methods by which a call may change something.
    changing_methods = frozenset({"POST"})
    # What it may write to the disk, for who takes files.
    budget: UploadBudget | None = None

    def _get_file_stream(self, *_args: Any, **_named: Any) -> Any:
        """Refuse files; subclasses accept them."""
        raise LGIError(ErrorNumber.UPLOAD, message="This call takes no files")

    def remove_arrived_files(self) -> None:
        """Remove the posted files that no repository has taken; this class takes no files."""

    @property
    def mimetype_params(self) -> dict[str, str]:
        """The parameters of Content-Type; the boundary of LGI.py has an ``@`` and no quotes."""
        parameters = super().mimetype_params
        found = _UNQUOTED_BOUNDARY.search(self.headers.get("Content-Type", ""))
        return {**parameters, "boundary": found[1]} if found else parameters


def posted_fields(request: Request) -> Mapping[str, str]:
    """Return the posted fields, none for a GET; LGIError POST_TOO_BIG, FILE_TOO_BIG or UPLOAD."""
    # Of a field that is posted twice the first value counts.
    return dict(reversed(_posted(request)))


def posted_form(request: Request) -> "MultiDict[str, str]":
    """Return the posted fields of a page, in which a name may have several values.

    Raises LGIError POST_TOO_BIG, FILE_TOO_BIG or UPLOAD.
    """
    return MultiDict(_posted(request))


def _posted(request: Request) -> list[tuple[str, str]]:
    if request.method != "POST":
        return []
    try:
        if request.mimetype == "application/x-www-form-urlencoded":
            return _urlencoded(request)
        return list(request.form.items(multi=True))
    except RequestEntityTooLarge:
        raise LGIError(ErrorNumber.POST_TOO_BIG, _too_big(request)) from None
    except (OSError, ClientDisconnected) as error:
        raise LGIError(ErrorNumber.UPLOAD, why_it_ended(error)) from None
    except (HTTPException, ParseException, ValueError):
        raise LGIError(ErrorNumber.UPLOAD, message="The request cannot be read") from None


def why_it_ended(error: OSError | ClientDisconnected) -> str:
    """Return why a request is incomplete, for its client."""
    cause = error.__context__ if isinstance(error, ClientDisconnected) else error
    return (isinstance(cause, OSError) and cause.strerror) or "the connection was closed"


def _too_big(request: Request) -> str:
    """Return why a request is too big: as a whole, or its text fields."""
    size, most = request.content_length, request.max_content_length
    if size is not None and most is not None and size > most:
        return f"{size} bytes, at most {most} are allowed"
    return "the text fields together are too big: post large data as files"


def _urlencoded(request: Request) -> list[tuple[str, str]]:
    """Return the fields of an urlencoded form; bytes that are not UTF-8 become U+FFFD.

    Werkzeug would leave these as ``%XX``. Raises RequestEntityTooLarge, LGIError UPLOAD for a form of which
    only a part came, or ValueError for too many fields.
    """
    limit = request.max_form_memory_size or MOST_TEXT
    body = request.stream.read(limit + 1)
    if len(body) > limit:
        raise RequestEntityTooLarge
    announced = request.content_length
    if announced is not None and len(body) < announced:
        # Any beginning of such a form is one: a call would be made with half a field.
        raise LGIError(ErrorNumber.UPLOAD, f"{len(body)} of {announced} bytes came")
    text = body.decode("utf-8", "replace")
    return parse_qsl(text, keep_blank_values=True, errors="replace", max_num_fields=1000)
