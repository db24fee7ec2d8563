"""No answer: what a failed request is called, why it failed, and whether the server may have read it."""

import re
import ssl
from collections.abc import Iterator

import requests
import urllib3

from lgi_protocol.deadline import DeadlineExceededError

_NEVER_THERE = (
    urllib3.exceptions.NewConnectionError,
    urllib3.exceptions.ConnectTimeoutError,
    ssl.SSLCertVerificationError,
)
_BROKEN = (
    ConnectionError,
    TimeoutError,
    DeadlineExceededError,
    ssl.SSLEOFError,
    ssl.SSLZeroReturnError,
    urllib3.exceptions.ProtocolError,
    urllib3.exceptions.ReadTimeoutError,
)

# What OpenSSL puts around its words: [SSL: NAME] and (_ssl.c:992).
_PLACES = re.compile(r"^\[[^]]*\] | \(_ssl\.c:[0-9]+\)$")
_OTHER_CA = (
    "the server's certificate is not of the CA that is trusted here, "
    "which is in ca_chain, or in <ca_certificate_file> of a daemon"
)
# A part of what OpenSSL says, the first that is found, and what it does not.
_TO_LOOK_AT = (
    ("self-signed certificate", _OTHER_CA),
    ("unable to get local issuer", _OTHER_CA),
    ("unable to get issuer", _OTHER_CA),
    ("not yet valid", "see whether the clock of this machine is right"),
    ("certificate has expired", "the server needs a new one, unless the clock of this machine is wrong"),
    ("alert unknown ca", "the server does not know the CA that has signed the certificate used here"),
    ("alert certificate expired", "the certificate used here has to be renewed"),
)


class TransportError(Exception):
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


def may_have_been_sent(error: BaseException) -> bool:
    """Whether a request that failed may have been read by the server: there was a connection, and it broke.

    A connection that ends is told apart from one that never was by the layers below; what stands above them
    says no more than that it was made with TLS, or through a proxy.
    """
    layers = list(_layers(error))
    if any(isinstance(layer, _NEVER_THERE) for layer in layers):
        return False
    return any(isinstance(layer, _BROKEN) for layer in layers)


def root_cause(error: BaseException) -> str:
    """The innermost reason of a failed request, without the layers of libraries around it, and its notes."""
    return ", ".join((_deepest_reason(error), *getattr(error, "__notes__", ())))


def _deepest_reason(error: BaseException) -> str:
    *_, deepest = _layers(error)
    if (
        isinstance(deepest, OSError)
        and deepest.strerror
        and not isinstance(deepest, requests.RequestException)
    ):
        return _of_tls(deepest) if isinstance(deepest, ssl.SSLError) else deepest.strerror
    return str(deepest) or type(deepest).__name__


def _of_tls(error: ssl.SSLError) -> str:
    """Without the places in OpenSSL, and with what to look at where that is known."""
    text = _PLACES.sub("", error.strerror or str(error))
    hints = (hint for said, hint in _TO_LOOK_AT if said in text)
    return ": ".join((text, *list(hints)[:1]))


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
