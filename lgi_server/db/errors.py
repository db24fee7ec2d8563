"""What can go wrong with a database, in one set of words for both kinds."""


class RetryableError(Exception):
    """Nothing was done and the same work may be tried again: a deadlock, a lock or a lost connection."""


class StaleConnectionError(RetryableError):
    """A kept connection was closed behind our back, or takes no changes any more; nothing was done on it."""


class DatabaseUnavailableError(Exception):
    """The database cannot be reached now."""


class DiskFullError(Exception):
    """There is no room for what was to be stored; nothing was done."""


class AccessDeniedError(Exception):
    """The database is there, but not for us: wrong password, no such database."""


class StatementError(Exception):
    """A statement that the database does not take: a fault of ours, or of the tables."""


class UniqueViolationError(StatementError):
    """Somebody else has just stored a row under the same unique key."""


def cause_text(error: BaseException) -> str:
    """Return what the database itself said, for an administrator: never for an answer of the server."""
    cause = error.__cause__
    return (
        f" ({cause})"
        if isinstance(
            cause,
            RetryableError | DatabaseUnavailableError | DiskFullError | AccessDeniedError | StatementError,
        )
        else ""
    )
