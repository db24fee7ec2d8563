"""The socket of a client that has to keep up: in sending its request, and in reading its answer."""

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
# What is written at once: a record of TLS, of which is known only whether all of it has gone.
RECORD = 16 * 1024
# Bytes of an answer that the system takes before it has room to send them; it would keep megabytes.
MOST_UNSENT = 128 * 1024
# So often is looked, in seconds, whether a client has read something of what is on its way to it.
LOOK_SECONDS = 5.0


@dataclass(frozen=True)
class Pace:
    """What is asked of a client: a ``rate`` in bytes a second, on average over any ``window`` in seconds.

    A request's head, once it has begun, may take ``head`` seconds.
    """

    rate: float
    window: float
    head: float


class SlowClientError(ConnectionResetError):
    """A client has not kept up, or was closed for others: to gunicorn it has gone away."""

    def __init__(self, why: str) -> None:
        """Like an error of the system, which gunicorn expects of a connection."""
        super().__init__(errno.ECONNRESET, why)


class Connection:
    """A client's socket, as gunicorn uses it: plain or TLS.

    The client may keep us waiting for a window in all, and earns time by each byte that passes. So no phase
    goes on at less than the rate, and none is cut off that makes progress. The time we take ourselves does
    not count.
    """

    def __init__(self, client: Any, pace: Pace) -> None:
        """Begin with waiting for the handshake."""
        if client.family != socket.AF_UNIX:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, MOST_UNSENT)
        self._socket = client
        self._pace = pace
        self._rate = pace.rate
        self._left = pace.window
        self._waits = True
        self._since: float | None = time.monotonic()
        self._is_writing = False
        self._is_cut = False

    def __getattr__(self, name: str) -> Any:
        """Leave everything else to the socket."""
        return getattr(self._socket, name)

    def waits(self) -> None:
        """Note that it waits for the handshake or a request, which somebody else limits."""
        self._waits, self._since = True, time.monotonic()

    def asks(self) -> None:
        """Note that the head of a request is there."""
        self._waits, self._since = False, None
        self._begin(self._pace.rate, self._pace.window)

    def _begin(self, rate: float, seconds: float) -> None:
        self._rate, self._left, self._is_writing = rate, seconds, False

    def stalled(self, now: float) -> float | None:
        """Return for how many seconds its client has kept us waiting; None while that waits for us."""
        if self._since is None:
            return None
        return now - self._since + (0 if self._waits else self._pace.window - self._left)

    def cut(self) -> None:
        """End it, whoever reads, writes or works for it now: they find it closed."""
        self._is_cut = True
        self._forget_unsent()
        with suppress(OSError):
            # Not that of TLS, which would forget its state under the hands of its user.
            gevent.socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def recv(self, size: int) -> bytes:
        """Return what comes next, empty at the end. Raises SlowClientError."""
        if self._waits:
            data: bytes = self._socket.recv(size)
            self._waits, self._since = False, None
            # The rest of the head earns nothing.
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
        """Write all of it, as `sendall`."""
        self.sendall(data)
        return len(data)

    def sendall(self, data: bytes) -> None:
        """Return when everything has been written. Raises SlowClientError."""
        if not self._is_writing:
            self._begin(self._pace.rate, self._pace.window)
            self._is_writing = True
        view = memoryview(data)
        for begin in range(0, len(view), RECORD):
            record = view[begin : begin + RECORD]
            while record:
                record = record[self._sent_of(record) :]

    def _sent_of(self, record: memoryview) -> int:
        """Write some of a record; how many bytes, none when the client has not read for a while."""
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
        """Use the socket for as long as that; TimeoutError, SlowClientError when it was cut meanwhile."""
        self._since = began = time.monotonic()
        self._socket.settimeout(max(seconds, 0.001))
        try:
            return use(argument)
        except TimeoutError:
            raise
        except OSError:
            if self._is_cut:
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
        """Have the system keep nothing of an answer that its client does not take."""
        with suppress(OSError):
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def _unread(self) -> int:
        """Return how many bytes the system keeps that the client's has not taken."""
        try:
            return int.from_bytes(
                fcntl.ioctl(self._socket.fileno(), termios.TIOCOUTQ, bytes(4)), sys.byteorder
            )
        except OSError:
            return 0
