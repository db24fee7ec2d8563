"""Deadline for a whole answer: a socket timeout bounds each read only, so slow bytes would never end.

And the end of a call that another thread needs no longer: a long poll for what is not wanted any more.
"""

import errno
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any


class DeadlineExceededError(OSError):
    """The peer did not complete the exchange before the deadline."""


class CallEndedError(OSError):
    """The caller has ended the call while it waited for the answer."""


class CallEnd:
    """Ends the call that another thread makes within `ending`: once only, so each call needs a new one."""

    def __init__(self) -> None:
        """End nothing yet."""
        self.has_ended = False
        self._socket: socket.socket | None = None

    def end(self) -> None:
        """Let the call fail with CallEndedError, as soon as it waits for its answer."""
        self.has_ended = True
        waiting = self._socket
        if waiting is not None:
            with suppress(OSError):
                # That of SSLSocket would take away what the other thread is using.
                socket.socket.shutdown(waiting, socket.SHUT_RDWR)

    def waits(self, waiting: socket.socket) -> None:
        """Record the socket of the call. Raise CallEndedError when the call has been ended."""
        self._socket = waiting
        self.check()

    def check(self) -> None:
        """Raise CallEndedError when the call has been ended."""
        if self.has_ended:
            raise CallEndedError("the call was ended by its caller")


_call_end: ContextVar[CallEnd | None] = ContextVar("call_end", default=None)


@contextmanager
def ending(call_end: CallEnd) -> Iterator[None]:
    """Let ``call_end`` end the calls of a block, made with the sockets of `with_deadline`."""
    token = _call_end.set(call_end)
    try:
        yield
    finally:
        _call_end.reset(token)


@dataclass
class _Deadline:
    """Limit in seconds and monotonic end time; ``end`` is None until the first read."""

    seconds: float
    end: float | None


_current: ContextVar[_Deadline | None] = ContextVar("deadline", default=None)


@contextmanager
def deadline(seconds: float, after_sending: bool = False) -> Iterator[None]:
    """Make sockets of `with_deadline` raise DeadlineExceededError after ``seconds`` within the block.

    The time starts now, or with ``after_sending`` at the first read of the answer, since an upload may take
    any time.
    """
    token = _current.set(_Deadline(seconds, None if after_sending else time.monotonic() + seconds))
    try:
        yield
    finally:
        _current.reset(token)


def with_deadline(context: ssl.SSLContext) -> ssl.SSLContext:
    """Make the sockets of a TLS context obey `deadline`, and return the context.

    Their class is derived from the context's own, which is a different one under gevent.
    """
    usual: Any = context.sslsocket_class

    class SocketWithDeadline(usual):  # type: ignore[misc]
        """A socket that checks the deadline before each read and write."""

        def recv_into(self, *args: Any, **kwargs: Any) -> int:
            call_end = _call_end.get()
            if call_end is None:
                return _checked(super().recv_into, True)(*args, **kwargs)
            call_end.waits(self)
            try:
                return _checked(super().recv_into, True)(*args, **kwargs)
            finally:
                # Whatever was read: the connection has been shut down.
                call_end.check()

        def send(self, *args: Any, **kwargs: Any) -> int:
            try:
                return _checked(super().send, False)(*args, **kwargs)
            except (ssl.SSLEOFError, ssl.SSLZeroReturnError, ConnectionResetError) as error:
                # A server that rejects a request early answers and closes. urllib3 reads such an answer
                # after a BrokenPipeError only.
                raise BrokenPipeError(errno.EPIPE, "the server closed the connection") from error

    context.sslsocket_class = SocketWithDeadline
    return context


def _checked(call: Callable[..., int], reading: bool) -> Callable[..., int]:
    """Return the call, or raise DeadlineExceededError; start a deadline that waits for the first read."""
    current = _current.get()
    if current is not None:
        if current.end is None and reading:
            current.end = time.monotonic() + current.seconds
        if current.end is not None and time.monotonic() > current.end:
            raise DeadlineExceededError(f"no complete answer within {current.seconds:g} s")
    return call
