"""The error of a transfer."""

from http import HTTPStatus

# The server is busy: as server errors these pass.
_BUSY = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS)
_OUTAGES = (HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT)


class TransferError(Exception):
    """A file was not transferred, or a repository not listed; the text gives the reason."""

    def __init__(self, text: str, status: int = 0) -> None:
        """Set ``status``, the HTTP status of the answer, 0 without an answer."""
        self.status = status
        super().__init__(text)

    @property
    def may_pass(self) -> bool:
        """Whether a retry may succeed: no answer, a server error, or a busy server."""
        is_of_server = self.status >= HTTPStatus.INTERNAL_SERVER_ERROR or self.status in _BUSY
        return self.__cause__ is not None or is_of_server

    @property
    def is_outage(self) -> bool:
        """Whether no server answered, or only a proxy in front of it."""
        return self.__cause__ is not None or self.status in _OUTAGES


class TargetError(TransferError):
    """A file cannot be under its name, here or in a repository; the server was not asked."""
