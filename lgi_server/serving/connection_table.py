"""The connections of a worker, by account: above the limit, those with the least progress are closed.

The account is the certificate of a client, or its address without one. Connections of the account with most
are closed, so that no account can exclude others. A client whose idle connection was closed opens a new one;
a connection whose request is being handled is closed last.
"""

import ipaddress
import logging
import time
from collections.abc import Callable, Iterable
from typing import Any

from lgi_server.serving.connection import Connection

log = logging.getLogger("lgi.serve")
# FULL: the part of the limit above which connections are closed. AT_ONCE: closed together, since the search
# for them is expensive.
FULL, AT_ONCE = 0.9, 16
# The part of the limit that one account may have; above it those with the least progress are closed.
SHARE = 0.25


class ConnectionTable:
    """The open connections of a worker: the account of each, and which of them wait for a request."""

    def __init__(self, most: int, close: Callable[[Connection], object], share: float = SHARE) -> None:
        """Create the table; ``close`` closes a connection that waits for a request, others are cut."""
        self._most = most
        self._most_each = max(1, int(share * most))
        self._close = close
        self._accounts: dict[str, dict[Connection, None]] = {}
        self._account_of: dict[Connection, str] = {}
        # In the order in which they started to wait.
        self._waiting: dict[Connection, None] = {}
        self._closing: set[Connection] = set()
        self._asked: set[Connection] = set()

    def opened(self, connection: Connection, account: str) -> None:
        """Add a new connection, which waits for its handshake, then for its first request."""
        if len(self._account_of) - len(self._closing) >= FULL * self._most:
            self._make_room()
        self._waiting[connection] = None
        self._put(connection, account)
        self._keep_to_share(account)

    def belongs(self, connection: Connection, account: str) -> None:
        """Set the account of a connection when it becomes known."""
        if account != self._account_of[connection]:
            self._take(connection)
            self._put(connection, account)
            self._keep_to_share(account)

    def _keep_to_share(self, account: str) -> None:
        """Close some connections of an account that has too many."""
        if len(self._accounts[account]) > self._most_each:
            those = self._candidates(self._accounts[account])
            if len(those) > self._most_each:
                self._end(_least(those, 1 + self._most_each // AT_ONCE), account)

    def ended(self, connection: Connection) -> None:
        """Remove a connection that has ended."""
        self._take(connection)
        self._waiting.pop(connection, None)
        self._closing.discard(connection)
        self._asked.discard(connection)

    def _put(self, connection: Connection, account: str) -> None:
        self._accounts.setdefault(account, {})[connection] = None
        self._account_of[connection] = account

    def _take(self, connection: Connection) -> None:
        account = self._account_of.pop(connection)
        del self._accounts[account][connection]
        if not self._accounts[account]:
            del self._accounts[account]

    def __len__(self) -> int:
        return len(self._account_of)

    def has_asked(self, connection: Connection) -> bool:
        """Return whether a connection has had a request."""
        return connection in self._asked

    def waits(self, connection: Connection) -> None:
        """Record that a connection waits for a request: from now on, or since it was opened."""
        if connection in self._asked:
            self._waiting.pop(connection, None)
            connection.waits()
        self._waiting[connection] = None

    def asks(self, connection: Connection) -> None:
        """Record that a connection has a request."""
        self._waiting.pop(connection, None)
        self._closing.discard(connection)
        self._asked.add(connection)
        connection.asks()

    def may_be_closed(self, connection: Connection) -> bool:
        """Return whether a connection was chosen to be closed and has had no request since."""
        return connection in self._closing

    def close_waiting(self) -> None:
        """Close all connections that wait for a request, when the worker stops."""
        for connection in list(self._waiting):
            self._end_waiting(connection)

    def _make_room(self) -> None:
        """Close connections of the account with most; among several such, those with the least progress."""
        free = {account: self._candidates(those) for account, those in self._accounts.items()}
        most = max(map(len, free.values()), default=0)
        largest = [account for account, those in free.items() if most and len(those) == most]
        those = [one for account in largest for one in free[account]]
        self._end(_least(those, min(AT_ONCE, (len(those) + 1) // 2)), ", ".join(largest[:3]))

    def _candidates(self, those: Iterable[Connection]) -> list[Connection]:
        return [one for one in those if one not in self._closing]

    def _end(self, those: list[Connection], account: str) -> None:
        if those:
            log.info("%d connections of %s are closed to make room", len(those), ascii(account))
        for connection in those:
            if connection in self._waiting:
                self._end_waiting(connection)
            else:
                self._closing.add(connection)
                connection.cut()

    def _end_waiting(self, connection: Connection) -> None:
        self._waiting.pop(connection, None)
        self._closing.add(connection)
        self._close(connection)


def _least(those: list[Connection], number: int) -> list[Connection]:
    """Return the connections whose clients the server has waited for longest; those that wait for it last."""
    now = time.monotonic()

    def progress(connection: Connection) -> tuple[bool, float]:
        stalled = connection.stalled(now)
        return stalled is None, -(stalled or 0.0)

    return sorted(those, key=progress)[:number]


def address_account(address: Any) -> str:
    """Return the account of a client without a certificate, by its address.

    For IPv6 it is the /64 network, since one machine may have all of it. A client on a Unix socket, which
    has no address, is the front end.
    """
    if not isinstance(address, tuple):
        return "front end"
    host = ipaddress.ip_address(address[0].partition("%")[0])
    if isinstance(host, ipaddress.IPv6Address):
        return f"address {host.ipv4_mapped or ipaddress.ip_network((host, 64), strict=False)}"
    return f"address {host}"
