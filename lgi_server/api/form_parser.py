"""The one parser of posted forms: of calls, lists of repositories and pages (clients.md 1)."""

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

# Text fields together: input, output, job_specifics and an update at their largest.
MOST_TEXT = 1024 * 1024
# A request without files: its fields, and what is around them in a form.
MOST_FORM = MOST_TEXT + 256 * 1024
# Without quotes a boundary ends at a semicolon or blank, whatever else is in it.
_UNQUOTED_BOUNDARY = re.compile(r';[ \t]*boundary=([^";\s]+)', re.IGNORECASE)


class FormRequest(Request):
    """A request whose form old programs may have written; every request of the server is one."""

    max_form_memory_size = MOST_TEXT
    max_form_parts = 2048
    # What it may write to the disk, for who takes files.
    budget: UploadBudget | None = None

    def _get_file_stream(self, *_args: Any, **_named: Any) -> Any:
        """Refuse files: a request that takes them says where they go."""
        raise LGIError(ErrorNumber.UPLOAD, message="This call takes no files")

    def forget_arrivals(self) -> None:
        """Remove at the end of a request the files that no repository has taken: here there are none."""

    @property
    def mimetype_params(self) -> dict[str, str]:
        """As Werkzeug reads them, and the boundary of LGI.py too, which has an ``@`` and no quotes."""
        parameters = super().mimetype_params
        found = _UNQUOTED_BOUNDARY.search(self.headers.get("Content-Type", ""))
        return {**parameters, "boundary": found[1]} if found else parameters


def posted_fields(request: Request) -> Mapping[str, str]:
    """Return the posted fields; LGIError POST_TOO_BIG, FILE_TOO_BIG or UPLOAD.

    A GET is a call with no fields.
    """
    # A field that comes twice counts as it came first.
    return dict(reversed(_posted(request)))


def posted_form(request: Request) -> "MultiDict[str, str]":
    """Return the posted fields of a page, of which a box may come several times.

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
    """Return why a request did not come to its end, for whoever sends it."""
    cause = error.__context__ if isinstance(error, ClientDisconnected) else error
    return (isinstance(cause, OSError) and cause.strerror) or "the connection has ended"


def _too_big(request: Request) -> str:
    """Why a request was too big: as a whole, or for what in it is no file."""
    size, most = request.content_length, request.max_content_length
    if size is not None and most is not None and size > most:
        return f"{size} bytes, at most {most} are allowed"
    return "files go into the repository, input is for text"


def _urlencoded(request: Request) -> list[tuple[str, str]]:
    """Fields without files. Werkzeug hides bytes that are not UTF-8 as ``%XX``; here they stay visible.

    Raises RequestEntityTooLarge, or ValueError for too many fields.
    """
    limit = FormRequest.max_form_memory_size
    body = request.stream.read(limit + 1)
    if len(body) > limit:
        raise RequestEntityTooLarge
    text = body.decode("utf-8", "replace")
    return parse_qsl(text, keep_blank_values=True, errors="replace", max_num_fields=1000)
