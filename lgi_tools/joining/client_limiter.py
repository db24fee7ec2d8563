"""Limits of the enrolment server: connections, and refused requests, of each network."""

import ipaddress
import socket
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache

# Connections at a time, and those of one network.
MAX_CONNECTIONS, MAX_PER_NETWORK = 64, 8
# Refused requests of one network within so many seconds; further ones get no reason and are not logged.
MAX_REFUSED, REFUSED_SECONDS = 10, 60.0
_MAX_NETWORKS = 10_000


@lru_cache(maxsize=_MAX_NETWORKS)
def network_of(address: str) -> str:
    """Return the network of a client: the /64 of an IPv6 address, or an IPv4 address."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((found, 64), strict=False))


@dataclass
class _Connection:
    """A connection: a second descriptor, whose shutdown ends it; ``is_silent`` until its request arrives."""

    network: str
    end: socket.socket
    is_silent: bool = True


class ClientLimiter:
    """The connections of the server, and the refused requests per network.

    At the limit a new connection replaces the oldest silent one of the network with most silent connections.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Use ``clock``, which returns monotonic seconds."""
        self._clock = clock
        self._lock = threading.Lock()
        # The oldest first.
        self._connections: dict[socket.socket, _Connection] = {}
        self._refused: dict[str, deque[float]] = {}

    def enter(self, connection: socket.socket, address: str) -> bool:
        """Return whether a new connection is served, and count it; it may replace a silent one."""
        network = network_of(address)
        with self._lock:
            counts = Counter(one.network for one in self._connections.values())
            if counts[network] >= MAX_PER_NETWORK:
                has_room = self._close_oldest({network})
            elif counts.total() >= MAX_CONNECTIONS:
                silent = Counter(one.network for one in self._connections.values() if one.is_silent)
                most = max(silent.values(), default=0)
                has_room = self._close_oldest({one for one, number in silent.items() if number == most})
            else:
                has_room = True
            if has_room:
                self._connections[connection] = _Connection(network, connection.dup())
            return has_room

    def _close_oldest(self, networks: set[str]) -> bool:
        for key, one in self._connections.items():
            if one.is_silent and one.network in networks:
                self._remove(key)
                return True
        return False

    def _remove(self, key: socket.socket) -> None:
        end = self._connections.pop(key).end
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
        end.close()

    def has_request(self, connection: socket.socket) -> None:
        """Record that the request of a connection has arrived: no other connection replaces it any more."""
        with self._lock:
            if connection in self._connections:
                self._connections[connection].is_silent = False

    def leave(self, connection: socket.socket) -> None:
        """Release a counted connection."""
        with self._lock:
            if connection in self._connections:
                self._connections.pop(connection).end.close()

    def count_refused(self, address: str) -> None:
        """Count a refused request."""
        with self._lock:
            if len(self._refused) >= _MAX_NETWORKS:
                self._refused.pop(next(iter(self._refused)))
            times = self._refused.setdefault(network_of(address), deque(maxlen=MAX_REFUSED))
            times.append(self._clock())

    def is_muted(self, address: str) -> bool:
        """Return whether requests of a network were refused too often within a minute.

        A valid token is still accepted: it may be that of another client behind the same router.
        """
        with self._lock:
            times = self._refused.get(network_of(address), deque())
            return len(times) == MAX_REFUSED and self._clock() - times[0] < REFUSED_SECONDS
