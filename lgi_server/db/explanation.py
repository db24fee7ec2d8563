"""Why a database cannot be used, for the administrator: its address, the cause, and what to do."""

from collections.abc import Iterator
from contextlib import contextmanager

from lgi_protocol.errors import LGIError
from lgi_server.config.database import SQLiteAddress, parse_address, without_password
from lgi_server.db.errors import (
    AccessDeniedError,
    DatabaseUnavailableError,
    DiskFullError,
    RetryableError,
    StatementError,
)

_ADVICE = {
    DatabaseUnavailableError: (
        "cannot be reached",
        "is MariaDB running, and are host, port and socket right?",
    ),
    AccessDeniedError: (
        "refuses the connection",
        "correct user, password and name in the database's address",
    ),
    DiskFullError: ("has no room left", "make room on its disk"),
    RetryableError: ("stays locked", "try again, or end what holds it"),
    StatementError: ("refuses a statement", "has its user all rights on it, and is it of this version?"),
}
_FILE_ADVICE = {
    DatabaseUnavailableError: ("cannot be read or written", "check the disk and the directory of the file"),
    AccessDeniedError: ("cannot be opened", "check the file, and that its directory can be written to"),
    StatementError: ("refuses a statement", "is it writable, and a database of this version?"),
}


@contextmanager
def explained(address: str) -> Iterator[None]:
    """Raise ValueError, which says what to do, for an LGIError that a database at an address has caused."""
    try:
        yield
    except LGIError as error:
        if text := explanation(address, error):
            raise ValueError(text) from error
        raise


def explanation(address: str, error: LGIError) -> str:
    """Return what is wrong with the database at an address and what to do; empty for another error."""
    cause = error.__cause__
    is_file = isinstance(parse_address(address), SQLiteAddress)
    for kind, (what, advice) in {**_ADVICE, **(_FILE_ADVICE if is_file else {})}.items():
        if isinstance(cause, kind):
            return f"the database {without_password(address)} {what}: {_reason(cause)}; {advice}"
    return ""


def _reason(cause: BaseException) -> str:
    """Return the message of a driver's error, without its number where it is a pair of both."""
    inner = cause.__cause__
    parts = inner.args if inner is not None else ()
    return str(parts[1]) if len(parts) == 2 and isinstance(parts[0], int) else str(cause)
