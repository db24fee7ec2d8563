"""Deadline for a whole answer: a socket timeout bounds each read only, so slow bytes would never end."""

import errno
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any


class DeadlineExceededError(OSError):
    """The peer did not complete the exchange before the deadline."""


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
            return _checked(super().recv_into, True)(*args, **kwargs)

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
