"""The project servers: persistent connections, and when to leave a server alone."""

import hashlib
import logging
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock

from lgi_daemon.servers.clock import Clock
from lgi_protocol.backoff import Backoff
from lgi_protocol.client import Client
from lgi_protocol.credentials import Credentials
from lgi_protocol.errors import ServerError, TransportError
from lgi_protocol.reply import LONGEST_BACK_OFF
from lgi_protocol.resource_api import ResourceCalls

log = logging.getLogger(__name__)

# After an outage of minutes daemons are back within half a minute: `back_off` adds up to half of it.
UNREACHABLE_DELAYS = Backoff(first=10.0, longest=20.0)
# A server may name other servers in each answer: their connections are not kept for ever.
_MAX_CLIENTS = 256
# The unreachable servers that are logged, and the servers that are remembered after their back-off.
MAX_LOGGED, _MAX_REMEMBERED = 32, 1024

# Returns the calls of a project on a server.
Connect = Callable[[str, str], ResourceCalls]


class BackingOffError(Exception):
    """A server asked for a pause, or could not be reached just before; nothing was sent."""


def connector(credentials: Credentials) -> Connect:
    """Return a function that connects to servers, with one set of connections each, for any thread."""
    clients: dict[str, Client] = {}
    guard = Lock()

    def connect(project: str, server: str) -> ResourceCalls:
        with guard:
            if server not in clients:
                if len(clients) >= _MAX_CLIENTS:
                    clients.pop(next(iter(clients))).close()
                clients[server] = Client(server, credentials, resends=True, direct=True)
            return ResourceCalls(clients[server], project)

    return connect


def fingerprint(credentials: Credentials) -> str:
    """Return the SHA-256 digest of the certificate file, empty when it cannot be read."""
    try:
        return hashlib.sha256(credentials.certificate.read_bytes()).hexdigest()
    except OSError:
        return ""


class ServerConnections:
    """All servers, for several threads; remembers until when each of them is left alone."""

    def __init__(self, connect: Connect, clock: Clock) -> None:
        """Make calls through ``connect``: the real one, or that of a test."""
        self.connect = connect
        # The `fingerprint` of the certificate that calls are made with.
        self.certificate_fingerprint = ""
        self.clock = clock
        self._not_before: dict[str, float] = {}
        self._failures: dict[str, int] = {}

    def open(self, server: str) -> bool:
        """Return whether a server may be called now."""
        return self.clock.now >= self._not_before.get(server, self.clock.now)

    def back_off(self, server: str, seconds: float) -> float:
        """Leave a server alone for some seconds plus up to half as many; return how many in total.

        The random part keeps many daemons from returning at the same time.
        """
        wait = min(seconds, LONGEST_BACK_OFF) * random.uniform(1.0, 1.5)  # noqa: S311 - jitter, not a secret
        if len(self._not_before) >= _MAX_REMEMBERED:
            self._remove_expired()
        self._not_before[server] = self.clock.now + wait
        return wait

    @property
    def servers_remembered(self) -> int:
        """The number of servers with a stored back-off."""
        return len(self._not_before)

    def _remove_expired(self) -> None:
        """Forget the servers whose back-off is over, with their failures."""
        for server, end in list(self._not_before.items()):
            if end < self.clock.now:
                self._not_before.pop(server, None)
                self._failures.pop(server, None)

    @contextmanager
    def tracking(self, server: str) -> Iterator[None]:
        """Record whether the calls of a block succeed; their errors are passed on.

        Raise BackingOffError while the server must be left alone, and TransportError also for an answer that
        cannot be parsed.
        """
        if not self.open(server):
            seconds = self._not_before[server] - self.clock.now
            raise BackingOffError(f"not calling {server} for {seconds:.0f} s")
        try:
            with _parsing(server):
                yield
        except TransportError as error:
            if self.open(server):
                self._record_failure(server, error.reason)
            raise
        except ServerError as error:
            self._failures.pop(server, None)
            if error.back_off:
                seconds = self.back_off(server, error.timeout)
                log.info("%s is busy; next try in %.0f s", server, seconds)
            raise
        self._failures.pop(server, None)

    def _record_failure(self, server: str, reason: str) -> None:
        """Record a failure, once for all calls that were under way at that time."""
        failures = self._failures.get(server, 0)
        self._failures[server] = failures + 1
        seconds = self.back_off(server, UNREACHABLE_DELAYS.next_delay(failures))
        level = logging.WARNING if len(self._failures) <= MAX_LOGGED else logging.DEBUG
        log.log(level, "%s cannot be reached: %s; next try in %.0f s", server, reason, seconds)


@contextmanager
def _parsing(server: str) -> Iterator[None]:
    """Turn the errors of an answer with impossible values into TransportError."""
    try:
        yield
    except (OverflowError, RecursionError, ValueError) as error:
        raise TransportError(server, f"its answer cannot be parsed: {error}") from error
