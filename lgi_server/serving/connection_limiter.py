"""A worker's connections: who comes last finds room, where others have waited for nothing longest.

Whoever opens connections and asks nothing keeps the others out only while there is room for all. A connection
that was closed while it waited costs its owner a new one; a request is never cut off.
"""

import logging
from collections.abc import Callable
from typing import Generic, TypeVar

log = logging.getLogger("lgi.serve")
_Connection = TypeVar("_Connection")
# From here on, of all there may be, room is made; so many at once, since finding them has its cost.
FULL, AT_ONCE = 0.9, 16


class ConnectionLimiter(Generic[_Connection]):
    """The open connections, and of those that wait for a request which has waited longest."""

    def __init__(self, most: int, close: Callable[[_Connection], object]) -> None:
        """``close`` ends one that waits."""
        self._most = most
        self._close = close
        self._open = 0
        self._waiting: dict[_Connection, None] = {}
        self._closing: set[_Connection] = set()
        self._asked: set[_Connection] = set()

    def opened(self, connection: _Connection) -> None:
        """Add a new connection, which waits for its handshake, then for its first request."""
        self._open += 1
        if self._open > FULL * self._most:
            self.close_waiting(AT_ONCE)
        self._waiting[connection] = None

    def ended(self, connection: _Connection) -> None:
        """Remove a connection that has ended."""
        self._open -= 1
        self._waiting.pop(connection, None)
        self._closing.discard(connection)
        self._asked.discard(connection)

    def has_asked(self, connection: _Connection) -> bool:
        """Return whether it has ever had a request."""
        return connection in self._asked

    def waits(self, connection: _Connection) -> None:
        """Note that a connection waits for its next request, from now on unless that is its first."""
        if connection in self._asked:
            self._waiting.pop(connection, None)
        self._waiting[connection] = None

    def asks(self, connection: _Connection) -> None:
        """Note that a connection has a request."""
        self._waiting.pop(connection, None)
        self._closing.discard(connection)
        self._asked.add(connection)

    def may_be_closed(self, connection: _Connection) -> bool:
        """Whether it was to be closed and has had no request since."""
        return connection in self._closing

    def close_waiting(self, most: int | None = None) -> None:
        """Close those that have waited longest, all of them or so many."""
        for connection in list(self._waiting)[:most]:
            self._waiting.pop(connection, None)
            self._closing.add(connection)
            self._close(connection)
