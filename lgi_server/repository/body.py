"""The body of a request that stores a file."""

from typing import IO

from flask import Request
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge

from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_server.api import form_parser
from lgi_server.runtime import Runtime
from lgi_server.storage.upload_budget import UploadBudget

BLOCK = 64 * 1024


def receive(request: Request, arrived: IO[bytes], budget: UploadBudget, server: Runtime) -> int:
    """Write the body to a file and return its size; LGIError FILE_TOO_BIG, UPLOAD, StorageFullError."""
    size = 0
    try:
        while block := _block(request):
            size += len(block)
            if size > server.store.max_file_size:
                raise LGIError(ErrorNumber.FILE_TOO_BIG, f"at most {server.store.max_file_size} bytes")
            budget.spend(len(block))
            arrived.write(block)
    except RequestEntityTooLarge:
        most = server.config.max_post_size
        raise LGIError(ErrorNumber.FILE_TOO_BIG, f"a request holds at most {most} bytes") from None
    except ParseException:
        raise LGIError(ErrorNumber.UPLOAD, message="The request cannot be read") from None
    return size


def _block(request: Request) -> bytes:
    """Return what comes next of a request, empty at its end; LGIError UPLOAD when it does not come."""
    try:
        return request.stream.read(BLOCK)
    except (OSError, ClientDisconnected) as error:
        raise LGIError(ErrorNumber.UPLOAD, form_parser.why_it_ended(error)) from None
