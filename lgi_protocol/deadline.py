"""How long a whole answer may take: a socket's time-out bounds one byte, so a drip of bytes never ends."""

import errno
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any


class DeadlineExceededError(OSError):
    """The other side went on speaking, or not listening, for longer than patience allows."""


@dataclass
class _Patience:
    """When it ends; not begun before the first byte is waited for when ``end`` is None."""

    seconds: float
    end: float | None


_now: ContextVar[_Patience | None] = ContextVar("patience", default=None)


@contextmanager
def deadline(seconds: float, after_sending: bool = False) -> Iterator[None]:
    """Within the block the sockets of `timed` raise DeadlineExceededError after that many seconds.

    They are counted from now, or ``after_sending`` from the first wait for an answer: an upload may take
    its time.
    """
    token = _now.set(_Patience(seconds, None if after_sending else time.monotonic() + seconds))
    try:
        yield
    finally:
        _now.reset(token)


def with_deadline(context: ssl.SSLContext) -> ssl.SSLContext:
    """The context, whose sockets from now on obey `patience`.

    Their class is made from the context's own one, which is another where gevent has replaced it.
    """
    usual: Any = context.sslsocket_class

    class Timed(usual):  # type: ignore[misc]
        """Looks at the clock before each piece that is read or written."""

        def recv_into(self, *args: Any, **kwargs: Any) -> int:
            return _in_time(super().recv_into, True)(*args, **kwargs)

        def send(self, *args: Any, **kwargs: Any) -> int:
            try:
                return _in_time(super().send, False)(*args, **kwargs)
            except (ssl.SSLEOFError, ssl.SSLZeroReturnError, ConnectionResetError) as error:
                # A server that refuses what comes answers and closes. Its answer waits to be read: urllib3
                # does so after this error and no other.
                raise BrokenPipeError(errno.EPIPE, "the server closed the connection") from error

    context.sslsocket_class = Timed
    return context


def _in_time(call: Callable[..., int], reading: bool) -> Callable[..., int]:
    """The call, unless patience has ended; reading is what begins it at the latest."""
    current = _now.get()
    if current is not None:
        if current.end is None and reading:
            current.end = time.monotonic() + current.seconds
        if current.end is not None and time.monotonic() > current.end:
            raise DeadlineExceededError(f"the answer is not there after {current.seconds:g} s")
    return call
