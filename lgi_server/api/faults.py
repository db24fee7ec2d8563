"""The answer to what nobody expected: a plain error outside, its traceback in the log."""

import logging

from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_server.api import responses
from lgi_server.api.responses import Elements

log = logging.getLogger("lgi.api")
INTERNAL_ERROR = responses.error(
    LGIError(ErrorNumber.DATABASE, message="A fault in the server: its log has the reason")
)


def internal_error(what: str) -> Elements:
    """Return the answer while an exception is handled that nobody expected: the log has its traceback."""
    log.exception("fault while answering %s", what)
    return (INTERNAL_ERROR,)
