"""Analysis of failed requests: root cause, advice, and whether the server may have received the request."""

import re
import socket
import ssl
import sys
from collections.abc import Iterator
from http.client import HTTPException
from typing import TYPE_CHECKING, TypeGuard

from lgi_protocol.deadline import CallEndedError, DeadlineExceededError
from lgi_protocol.errors import TransportError
from lgi_protocol.https_pool import NotConnectedError

if TYPE_CHECKING:
    import requests

_Kinds = tuple[type[BaseException], ...]
# Of each the exceptions of Python and ours, and the names of those of urllib3.
_NOT_CONNECTED: tuple[_Kinds, tuple[str, ...]] = (
    (NotConnectedError, ssl.SSLCertVerificationError),
    ("NewConnectionError", "ConnectTimeoutError"),
)
_TIMEOUTS: tuple[_Kinds, tuple[str, ...]] = (
    (TimeoutError, DeadlineExceededError, CallEndedError),
    ("ReadTimeoutError",),
)
_CONNECTION_LOST: tuple[_Kinds, tuple[str, ...]] = (
    (ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError, HTTPException, *_TIMEOUTS[0]),
    ("ProtocolError", *_TIMEOUTS[1]),
)

# Begins the excerpt of an answer that a front end or a broken server gives.
_OF_FRONT_END = "HTTP 5"

# Noise in the messages of OpenSSL: [SSL: NAME] and (_ssl.c:992).
_NOISE = re.compile(r"^\[[^]]*\] | \(_ssl\.c:[0-9]+\)$")
_OTHER_CA = (
    "the server's certificate was not issued by the CA that is trusted here "
    "(ca_chain of a user, <ca_certificate_file> of a daemon)"
)
# Advice for messages of OpenSSL; the first one found is used.
_ADVICE = (
    ("self-signed certificate", _OTHER_CA),
    ("unable to get local issuer", _OTHER_CA),
    ("unable to get issuer", _OTHER_CA),
    ("not yet valid", "check the clock of this machine"),
    (
        "certificate has expired",
        "the server needs a new certificate, unless the clock of this machine is wrong",
    ),
    ("alert unknown ca", "the server does not trust the CA of the client certificate"),
    ("alert certificate expired", "renew the client certificate"),
    (
        "alert bad certificate",
        "the server cannot use the client certificate; it may be not yet valid by the server's clock",
    ),
)


def may_have_been_sent(error: BaseException) -> bool:
    """Return whether the server may have received a failed request: a connection existed and was lost.

    Only the inner exceptions tell a lost connection from one that was never made; the outer ones say no more
    than that TLS or a proxy was used.
    """
    layers = list(_layers(error))
    if any(isinstance(layer, _all(_NOT_CONNECTED)) for layer in layers):
        return False
    return any(isinstance(layer, _all(_CONNECTION_LOST)) for layer in layers)


def is_connection_lost(error: BaseException) -> bool:
    """Return whether a connection was cut, unlike one that could not be made or on which nothing came."""
    layers = list(_layers(error))
    is_slow = any(isinstance(layer, (*_all(_NOT_CONNECTED), *_all(_TIMEOUTS))) for layer in layers)
    return not is_slow and any(isinstance(layer, _all(_CONNECTION_LOST)) for layer in layers)


def is_outage(error: TransportError) -> bool:
    """Return whether a server without an answer may answer later: it is down, or its network or front end is.

    It will not with a wrong host name, path or certificate.
    """
    if error.excerpt:
        return error.excerpt.startswith(_OF_FRONT_END)
    deepest = innermost(error)
    if isinstance(deepest, socket.gaierror):
        return deepest.errno == socket.EAI_AGAIN
    if isinstance(deepest, ssl.SSLError) or _is_of_requests(deepest):
        return isinstance(deepest, _all(_CONNECTION_LOST))
    return isinstance(deepest, (OSError, *_all(_CONNECTION_LOST)))


def root_cause(error: BaseException) -> str:
    """Return the message of the innermost exception of a failed request, and the notes added to it."""
    return ", ".join((_deepest_reason(error), *getattr(error, "__notes__", ())))


def _all(kinds: tuple[_Kinds, tuple[str, ...]]) -> _Kinds:
    """Return kinds of exceptions; a library that is not loaded, and takes 10 MB, has raised none."""
    ours, names = kinds
    loaded = sys.modules.get("urllib3.exceptions")
    return (*ours, *(getattr(loaded, name) for name in names)) if loaded else ours


def _is_of_requests(error: BaseException) -> "TypeGuard[requests.RequestException]":
    loaded = sys.modules.get("requests.exceptions")
    return loaded is not None and isinstance(error, loaded.RequestException)


def innermost(error: BaseException) -> BaseException:
    """Return the exception that a failed request began with."""
    *_, deepest = _layers(error)
    return deepest


def _deepest_reason(error: BaseException) -> str:
    deepest = innermost(error)
    if isinstance(deepest, OSError) and deepest.strerror and not _is_of_requests(deepest):
        return _of_tls(deepest) if isinstance(deepest, ssl.SSLError) else deepest.strerror
    return str(deepest) or type(deepest).__name__


def _of_tls(error: ssl.SSLError) -> str:
    """Return the message of an SSL error without noise, and advice if there is any."""
    text = _NOISE.sub("", error.strerror or str(error))
    hints = (hint for part, hint in _ADVICE if part in text)
    return ": ".join((text, *list(hints)[:1]))


def _layers(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception and those it was raised from, the innermost last."""
    seen: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in seen:
        yield current
        seen.append(current)
        nested = [arg for arg in current.args if isinstance(arg, BaseException)]
        reason = getattr(current, "reason", None)
        if not nested and current.__cause__:
            nested = [current.__cause__]  # urllib3 keeps the system error of a failed connection only here
        current = reason if isinstance(reason, BaseException) else (nested[0] if nested else None)
