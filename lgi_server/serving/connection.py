"""The socket of a client, with a minimum rate for sending its request and for reading its answer."""

import errno
import fcntl
import socket
import ssl
import struct
import sys
import termios
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

import gevent.socket

Result = TypeVar("Result")
# Bytes of one write: a TLS record, which is sent completely or not at all.
RECORD = 16 * 1024
# Unsent bytes of an answer that the system may buffer; by default it would buffer megabytes.
MOST_UNSENT = 128 * 1024
# Seconds between two checks whether the client has read any of the bytes that were sent.
LOOK_SECONDS = 5.0


@dataclass(frozen=True)
class Pace:
    """The minimum ``rate`` of a client in bytes a second, on average over any ``window`` in seconds.

    The head of a request may take ``head`` seconds from its first byte.
    """

    rate: float
    window: float
    head: float


class SlowClientError(ConnectionResetError):
    """A client was below the rate, or was closed in favour of others; gunicorn sees a lost connection."""

    def __init__(self, why: str) -> None:
        """Set the error number of a reset connection, which gunicorn handles."""
        super().__init__(errno.ECONNRESET, why)


class Connection:
    """A client's socket, plain or TLS, with the methods that gunicorn uses.

    The client has a budget of waiting time of one window, to which each transferred byte adds. So a phase
    below the rate is cut off, and one that makes progress is not. The server's own time does not count.
    """

    def __init__(self, client: Any, pace: Pace) -> None:
        """Start waiting for the handshake."""
        if client.family != socket.AF_UNIX:
            with suppress(OSError):
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, MOST_UNSENT)
        self._socket = client
        self._pace = pace
        self._rate = pace.rate
        self._left = pace.window
        self._waits = True
        self._since: float | None = time.monotonic()
        self._is_writing = False
        self.is_cut = False

    def __getattr__(self, name: str) -> Any:
        """Return an attribute of the socket."""
        return getattr(self._socket, name)

    def waits(self) -> None:
        """Record that it waits for the handshake or a request; the worker limits that time."""
        self._waits, self._since = True, time.monotonic()

    def asks(self) -> None:
        """Record that the head of a request is complete."""
        self._waits, self._since = False, None
        self._begin(self._pace.rate, self._pace.window)

    def _begin(self, rate: float, seconds: float) -> None:
        self._rate, self._left, self._is_writing = rate, seconds, False

    def stalled(self, now: float) -> float | None:
        """Return how many seconds the server has waited for the client; None while the client waits."""
        if self._since is None:
            return None
        return now - self._since + (0 if self._waits else self._pace.window - self._left)

    def end_answers(self) -> None:
        """Let the client see the end of the last answer while the rest of its request is read."""
        with suppress(OSError):
            # Not the method of the TLS socket, which would refuse to read on.
            gevent.socket.socket.shutdown(self._socket, socket.SHUT_WR)

    def cut(self) -> None:
        """Close the connection, also while another greenlet reads, writes or works on a request of it."""
        self.is_cut = True
        self._forget_unsent()
        with suppress(OSError):
            # Not the method of the TLS socket, which would drop state that another greenlet still uses.
            gevent.socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the connection; a client with TLS is told first that nothing was cut off (RFC 8446, 6.1)."""
        if isinstance(self._socket, ssl.SSLSocket) and not self.is_cut:
            with suppress(OSError, ValueError):
                # Its own end is not waited for: it raises SSLWantReadError, unless it has come already.
                self._socket.settimeout(0.0)
                self._socket.unwrap()
        self._socket.close()

    def recv(self, size: int) -> bytes:
        """Return the next bytes, empty at the end. Raises SlowClientError."""
        if self._waits:
            data: bytes = self._socket.recv(size)
            self._waits, self._since = False, None
            # The bytes of the head add no time.
            self._begin(float("inf"), self._pace.head)
            return data
        if self._is_writing:
            self._begin(self._pace.rate, self._pace.window)
        try:
            data = self._within(self._left, self._socket.recv, size)
        except TimeoutError:
            raise self._too_slow("the request comes too slowly") from None
        self._earn(len(data))
        return data

    def send(self, data: bytes) -> int:
        """Write all data as `sendall` does, and return its length."""
        self.sendall(data)
        return len(data)

    def sendall(self, data: bytes) -> None:
        """Write all data. Raises SlowClientError."""
        if not self._is_writing:
            self._begin(self._pace.rate, self._pace.window)
            self._is_writing = True
        view = memoryview(data)
        for begin in range(0, len(view), RECORD):
            record = view[begin : begin + RECORD]
            while record:
                record = record[self._sent_of(record) :]

    def _sent_of(self, record: memoryview) -> int:
        """Write a part of a record; return its length, 0 when the client has read nothing for a while."""
        before, sent = self._unread(), 0
        try:
            sent = self._within(min(self._left, LOOK_SECONDS), self._socket.send, record)
        except TimeoutError:
            sent = 0
        except ssl.SSLError as error:
            raise SlowClientError(f"the connection has ended: {error.reason}") from None
        self._earn(before + sent - self._unread())
        if not sent and self._left <= 0:
            self._forget_unsent()
            raise self._too_slow("the answer is read too slowly")
        return sent

    def _within(self, seconds: float, use: Callable[[Any], Result], argument: object) -> Result:
        """Return ``use(argument)``; TimeoutError after ``seconds``, SlowClientError when cut meanwhile."""
        self._since = began = time.monotonic()
        self._socket.settimeout(max(seconds, 0.001))
        try:
            return use(argument)
        except TimeoutError:
            raise
        except OSError:
            if self.is_cut:
                raise SlowClientError("the connection was closed for others") from None
            raise
        finally:
            self._socket.settimeout(None)
            self._since = None
            self._left -= time.monotonic() - began

    def _earn(self, passed: int) -> None:
        self._left = min(self._pace.window, self._left + max(0, passed) / self._rate)

    def _too_slow(self, what: str) -> SlowClientError:
        return SlowClientError(f"{what}: less than {self._pace.rate:.0f} bytes a second")

    def _forget_unsent(self) -> None:
        """Have the system discard unsent bytes when the socket is closed."""
        with suppress(OSError):
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def _unread(self) -> int:
        """Return the number of bytes that the client's system has not acknowledged."""
        try:
            return int.from_bytes(
                fcntl.ioctl(self._socket.fileno(), termios.TIOCOUTQ, bytes(4)), sys.byteorder
            )
        except OSError:
            return 0
