"""The answer to unexpected exceptions: a plain error for the client, the traceback in the log."""

import logging

from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_server.api import responses
from lgi_server.api.responses import Elements

log = logging.getLogger("lgi.api")
INTERNAL_ERROR = LGIError(
    ErrorNumber.DATABASE, message="Internal error of the server: its log has the reason"
)


def internal_error(what: str) -> Elements:
    """Log the exception that is being handled, and return the answer to it."""
    log.exception("internal error while answering %s", what)
    return (responses.error(INTERNAL_ERROR),)
