"""The errors of object stores of S3."""

from http import HTTPStatus

_FULL = {"QuotaExceeded", "InsufficientStorage", "XMinioStorageFull", "XMinioAdminBucketQuotaExceeded"}
_PASSING = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS}


class S3Error(Exception):
    """A store has refused a request, or has answered what cannot be used."""

    def __init__(self, what: str, status: int = 0, code: str = "") -> None:
        """Set what was done, the HTTP status (0: none) and the error code of the store."""
        super().__init__(what)
        self.status = status
        self.code = code


class S3UnavailableError(S3Error):
    """A store cannot be reached, is too slow, or is not able to answer at present."""


class S3FullError(S3Error):
    """A store, or the account in it, has no space."""


class S3MissingError(S3Error):
    """There is no such object."""


class S3ChangedError(S3Error):
    """An object is not the version any more that was asked for."""


def of_status(what: str, status: int, code: str) -> S3Error:
    """Return the error for an HTTP status and the code of a store, empty if it has said none."""
    text = f"{what}: HTTP {status} {code}".rstrip()
    if status == HTTPStatus.INSUFFICIENT_STORAGE or code in _FULL:
        return S3FullError(text, status, code)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in _PASSING:
        return S3UnavailableError(text, status, code)
    # An answer to HEAD has no code.
    if status == HTTPStatus.NOT_FOUND and code in {"", "NoSuchKey"}:
        return S3MissingError(text, status, code)
    if status == HTTPStatus.PRECONDITION_FAILED:
        return S3ChangedError(text, status, code)
    return S3Error(text, status, code)
