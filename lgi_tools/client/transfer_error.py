"""The error of a transfer."""

from http import HTTPStatus

_OUTAGES = (HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT)


class TransferError(Exception):
    """A file was not transferred, or a repository not listed; the text gives the reason."""

    def __init__(self, text: str, status: int = 0) -> None:
        """Set ``status``, the HTTP status of the answer, 0 without an answer."""
        self.status = status
        super().__init__(text)

    @property
    def may_pass(self) -> bool:
        """Whether a retry may succeed: no answer, or a server error."""
        return self.__cause__ is not None or self.status >= HTTPStatus.INTERNAL_SERVER_ERROR

    @property
    def is_outage(self) -> bool:
        """Whether no server answered, or only a proxy in front of it."""
        return self.__cause__ is not None or self.status in _OUTAGES
