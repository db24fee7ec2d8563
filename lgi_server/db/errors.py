"""The errors of databases, the same for MariaDB and SQLite."""

from lgi_protocol.errors import ErrorNumber, LGIError


class CommitLostError(LGIError):
    """The database was lost during a commit, which may have been done or not."""

    def __init__(self) -> None:
        """Set the error DATABASE, for calls that cannot be repeated."""
        super().__init__(ErrorNumber.DATABASE)


class RetryableError(Exception):
    """A deadlock, a lock or a lost connection: nothing was changed and the work may be repeated."""


class StaleConnectionError(RetryableError):
    """A pooled connection was closed by the server, or is read-only now; nothing was changed."""


class DatabaseUnavailableError(Exception):
    """The database cannot be reached at present."""


class DiskFullError(Exception):
    """The disk of the database is full; nothing was changed."""


class AccessDeniedError(Exception):
    """The database refuses the connection: wrong password, or no such database or table."""


class StatementError(Exception):
    """The database refuses a statement: a fault of the server or of the tables."""


class UniqueViolationError(StatementError):
    """Another transaction has stored a row with the same unique key."""


def cause_text(error: BaseException) -> str:
    """Return the text of the database error behind an exception, for administrators; never for an answer."""
    cause = error.__cause__
    return (
        f" ({cause})"
        if isinstance(
            cause,
            RetryableError | DatabaseUnavailableError | DiskFullError | AccessDeniedError | StatementError,
        )
        else ""
    )
