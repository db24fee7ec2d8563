"""HTTPS requests over kept connections, with the client of Python itself.

It loads in a quarter of the time of requests, which is needed for proxies and for files (`https_session`).
"""

import http.client
import re
import select
import socket
import ssl
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from threading import Lock
from urllib.parse import SplitResult, quote_plus, urlsplit

from lgi_protocol.value_object import value_object

# Seconds to connect, and to wait for each piece of an answer: a server may hold an interface call for 30 s
# while a job is locked (wire.md 3).
CONNECT_SECONDS, READ_SECONDS = 10.0, 60.0
# A connection that is silent for so many seconds is probed, again after so many seconds, and is lost after
# so many probes without an answer. Otherwise one that dies without a sign delays what a held call brings.
KEEPALIVE = {"TCP_KEEPIDLE": 15, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3}
# The most idle connections to one server.
_MOST_IDLE = 16
_BLOCK = 256 * 1024
_Place = tuple[str, int]
# How the characters of most messages are quoted, in an order that matters; and those that are left then.
_CODES = [(one, quote_plus(one)) for one in "%+<>/&;:,=@\"'()\n "]
_OTHERS = re.compile(r"[^\w.~%+-]+", re.ASCII)


class NotConnectedError(Exception):
    """No connection could be made, so that nothing was sent; the cause is the error of the system."""


@value_object
class HttpRequest:
    """A request of a URL of `is_plain`."""

    method: str
    url: str
    body: bytes | None
    headers: Mapping[str, str]


@value_object
class HttpAnswer:
    """Status, its text, and the body of an answer as UTF-8, whatever its headers say."""

    status: int
    reason: str
    text: str


class HttpsPool:
    """Connections that trust a TLS context; it is thread-safe. Nothing is ever sent again by itself."""

    def __init__(self, context: ssl.SSLContext) -> None:
        """Connect with a context, which has the client's certificate."""
        self._context = context
        self._guard = Lock()
        self._idle: dict[_Place, list[http.client.HTTPSConnection]] = {}

    def exchange(self, request: HttpRequest, limit: int) -> HttpAnswer:
        """Make a request and return its answer.

        Raises NotConnectedError, OSError and http.client.HTTPException for a connection that was lost, and
        ValueError for an answer of more than ``limit`` bytes.
        """
        parts = urlsplit(request.url)
        place = (parts.hostname or "", parts.port or http.client.HTTPS_PORT)
        connection = self._take(place)
        with ExitStack() as undo:
            undo.callback(connection.close)
            answer, is_last = _exchange(connection, request, limit)
            if not is_last:
                undo.pop_all()
                self._give(place, connection)
        return answer

    def _take(self, place: _Place) -> http.client.HTTPSConnection:
        """Return an idle connection that the server has not closed, or a new one."""
        while True:
            with self._guard:
                idle = self._idle.get(place)
                connection = idle.pop() if idle else None
            if connection is None:
                return self._connect(place)
            if not _has_input(connection.sock):
                return connection
            connection.close()

    def _give(self, place: _Place, connection: http.client.HTTPSConnection) -> None:
        with self._guard:
            idle = self._idle.setdefault(place, [])
            if len(idle) < _MOST_IDLE:
                idle.append(connection)
                return
        connection.close()

    def _connect(self, place: _Place) -> http.client.HTTPSConnection:
        host, port = place
        try:
            plain = socket.create_connection(place, CONNECT_SECONDS)
        except OSError as error:
            raise NotConnectedError from error
        with ExitStack() as undo:
            undo.callback(plain.close)
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            _keep_alive(plain)
            encrypted = self._context.wrap_socket(plain, server_hostname=host)
            undo.pop_all()
        encrypted.settimeout(READ_SECONDS)
        connection = http.client.HTTPSConnection(host, port, context=self._context)
        connection.sock = encrypted
        return connection

    def close(self) -> None:
        """Close the idle connections."""
        with self._guard:
            idle, self._idle = self._idle, {}
        for connection in (one for several in idle.values() for one in several):
            connection.close()


def _keep_alive(connection: socket.socket) -> None:
    """Have the system probe a silent connection, as often as it lets us say."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in KEEPALIVE.items():
        if hasattr(socket, name):
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def is_plain(url: str) -> bool:
    """Return whether a URL needs no escapes, user or password: others are left to requests."""
    try:
        parts = urlsplit(url)
        has_host = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False
    return has_host and url.isascii() and url.isprintable() and not set(' "<>@\\^`{|}#') & set(url)


def _target(parts: SplitResult) -> str:
    return f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"


def _has_input(sock: socket.socket) -> bool:
    """Return whether an idle connection has something to read: most likely that it is closed."""
    if sys.platform == "win32":
        return bool(select.select([sock], [], [], 0)[0])
    # select() knows no descriptor above 1023.
    waiting = select.poll()
    waiting.register(sock, select.POLLIN)
    return bool(waiting.poll(0))


def _exchange(
    connection: http.client.HTTPSConnection, request: HttpRequest, limit: int
) -> tuple[HttpAnswer, bool]:
    """Return the answer, and whether it is the last one of the connection."""
    target = _target(urlsplit(request.url))
    try:
        connection.request(request.method, target, request.body, dict(request.headers))
    except BrokenPipeError:
        # A server that rejects a request early answers and closes: the answer may have arrived.
        if connection.sock is None:
            raise
    response = connection.getresponse()
    read = bytearray()
    for block in _blocks(response):
        read += block
        if len(read) > limit:
            raise ValueError(f"the answer is longer than {limit} bytes")
    is_last = response.will_close
    return HttpAnswer(response.status, response.reason, read.decode("utf-8", "replace")), is_last


def _blocks(response: http.client.HTTPResponse) -> Iterator[bytes]:
    """Yield the body as it arrives. Raises IncompleteRead when it ends before it should."""
    while block := response.read(_BLOCK):
        yield block
    # Read in blocks, http.client takes an answer that was cut for a whole one.
    if response.length:
        raise http.client.IncompleteRead(b"", response.length)


def form_of(fields: Mapping[str, str]) -> str:
    """Return fields as `urlencode` does, which looks at each byte of a long message by itself."""
    return "&".join(f"{quote_plus(name)}={_quoted(value)}" for name, value in fields.items())


def _quoted(text: str) -> str:
    for one, code in _CODES:
        text = text.replace(one, code)
    return _OTHERS.sub(lambda found: quote_plus(found[0]), text)
