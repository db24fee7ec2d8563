"""The connections of a worker, by account: where there is no room, one that makes least progress is closed.

An account is that of a certificate, or of an address that has shown none. Who has most connections loses one,
so that nobody keeps others out by having many. A connection that was closed while it waited costs its owner a
new one; a request that is worked on is cut off only when its owner's other connections are too.
"""

import ipaddress
import logging
import time
from collections.abc import Callable, Iterable
from typing import Any

from lgi_server.serving.connection import Connection

log = logging.getLogger("lgi.serve")
# From here on, of all there may be, room is made; so many at once, since finding them has its cost.
FULL, AT_ONCE = 0.9, 16
# Of all there may be, one account's: beyond it those with least progress are closed.
SHARE = 0.25


class ConnectionTable:
    """The open connections of a worker, whose they are, and which of them wait for a request."""

    def __init__(self, most: int, close: Callable[[Connection], object], share: float = SHARE) -> None:
        """``close`` ends one that waits for a request; the others are cut."""
        self._most = most
        self._most_each = max(1, int(share * most))
        self._close = close
        self._accounts: dict[str, dict[Connection, None]] = {}
        self._account_of: dict[Connection, str] = {}
        # In the order in which they have begun to wait.
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
        """Note whose a connection is, once that is known."""
        if account != self._account_of[connection]:
            self._take(connection)
            self._put(connection, account)
            self._keep_to_share(account)

    def _keep_to_share(self, account: str) -> None:
        """Close some of too many connections of an account."""
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

    def has_asked(self, connection: Connection) -> bool:
        """Return whether it has ever had a request."""
        return connection in self._asked

    def waits(self, connection: Connection) -> None:
        """Note that a connection waits for its next request, from now on unless that is its first."""
        if connection in self._asked:
            self._waiting.pop(connection, None)
            connection.waits()
        self._waiting[connection] = None

    def asks(self, connection: Connection) -> None:
        """Note that a connection has a request."""
        self._waiting.pop(connection, None)
        self._closing.discard(connection)
        self._asked.add(connection)
        connection.asks()

    def may_be_closed(self, connection: Connection) -> bool:
        """Whether it was to be closed and has had no request since."""
        return connection in self._closing

    def close_waiting(self) -> None:
        """Close all that wait for a request: the worker is to end."""
        for connection in list(self._waiting):
            self._end_waiting(connection)

    def _make_room(self) -> None:
        """Close some connections of whoever has most; of several with as many, those with least progress."""
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
    """Return those whose clients have kept us waiting longest; last, those that wait for us."""
    now = time.monotonic()

    def progress(connection: Connection) -> tuple[bool, float]:
        stalled = connection.stalled(now)
        return stalled is None, -(stalled or 0.0)

    return sorted(those, key=progress)[:number]


def address_account(address: Any) -> str:
    """Return the account of whoever connects from an address and shows no certificate.

    Of IPv6 it is the network of 64 bits, all of which one machine may have; a socket of the file system,
    which has no address, is a front end's.
    """
    if not isinstance(address, tuple):
        return "front end"
    host = ipaddress.ip_address(address[0].partition("%")[0])
    if isinstance(host, ipaddress.IPv6Address):
        return f"address {host.ipv4_mapped or ipaddress.ip_network((host, 64), strict=False)}"
    return f"address {host}"
