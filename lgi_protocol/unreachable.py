"""No answer: what a failed request is called, why it failed, and whether the server may have read it."""

import ssl
from collections.abc import Iterator

import requests
import urllib3

from lgi_protocol.patience import TookTooLong

_NEVER_THERE = (
    urllib3.exceptions.NewConnectionError,
    urllib3.exceptions.ConnectTimeoutError,
    ssl.SSLCertVerificationError,
)
_BROKEN = (
    ConnectionError,
    TimeoutError,
    TookTooLong,
    ssl.SSLEOFError,
    ssl.SSLZeroReturnError,
    urllib3.exceptions.ProtocolError,
    urllib3.exceptions.ReadTimeoutError,
)


class Unreachable(Exception):
    """No LGI answer came: no connection, no trust, a time-out, or an answer that is not LGI's."""

    def __init__(self, server: str, reason: str, sent: bool = False, said: str = "") -> None:
        """``server`` is the URL that was asked; ``sent`` when it may have been.

        ``said`` is how an answer begins that is not LGI's.
        """
        self.server = server
        self.reason = reason
        self.sent = sent
        self.said = said
        super().__init__(f"{server}: {reason}")


def may_have_arrived(error: BaseException) -> bool:
    """Whether a request that failed may have been read by the server: there was a connection, and it broke.

    A connection that ends is told apart from one that never was by the layers below; what stands above them
    says no more than that it was made with TLS, or through a proxy.
    """
    layers = list(_layers(error))
    if any(isinstance(layer, _NEVER_THERE) for layer in layers):
        return False
    return any(isinstance(layer, _BROKEN) for layer in layers)


def plain_reason(error: BaseException) -> str:
    """The innermost reason of a failed request, without the layers of libraries around it."""
    *_, deepest = _layers(error)
    if (
        isinstance(deepest, OSError)
        and deepest.strerror
        and not isinstance(deepest, requests.RequestException)
    ):
        return deepest.strerror
    return str(deepest) or type(deepest).__name__


def _layers(error: BaseException) -> Iterator[BaseException]:
    """An error, and what each library below the one that raised it has said."""
    passed: list[BaseException] = []
    following: BaseException | None = error
    while following is not None and following not in passed:
        yield following
        passed.append(following)
        nested = [arg for arg in following.args if isinstance(arg, BaseException)]
        reason = getattr(following, "reason", None)
        if not nested and following.__cause__:
            nested = [
                following.__cause__
            ]  # urllib3 keeps the system's error of a failed connection only here
        following = reason if isinstance(reason, BaseException) else (nested[0] if nested else None)
