"""The project servers: kept connections, the sessions of one round, when to leave one alone."""

import hashlib
import logging
import random
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from types import TracebackType

from lgi_daemon.servers.clock import Clock
from lgi_protocol.client import Client
from lgi_protocol.credentials import Credentials
from lgi_protocol.errors import ServerError, TransportError
from lgi_protocol.reply import LONGEST_BACK_OFF
from lgi_protocol.resource_api import ResourceCalls, SignUp

log = logging.getLogger(__name__)

FIRST_PAUSE = 10.0
LONGEST_PAUSE = 300.0
# More make no pause longer, and after some days a number that is too large.
_MOST_FAILURES = 32
# A server names the others, other ones each time if it likes: their connections are not kept for ever.
_MOST_CLIENTS = 256
# So many that cannot be reached are told of in the log, and so many are remembered beyond their pause.
MOST_TOLD, _MOST_REMEMBERED = 32, 1024

# A server ends a session that is not used after so long by itself; so many are remembered until then.
SESSION_LIFE, MOST_UNENDED = 1800.0, 64

# Gives the calls of one project on one server.
Connect = Callable[[str, str], ResourceCalls]


class BackingOffError(Exception):
    """A server asked to be left alone, or was just found dead; nothing was sent."""


def connector(credentials: Credentials) -> Connect:
    """Real connections, one kept set of them per server, for any number of threads."""
    clients: dict[str, Client] = {}
    guard = Lock()

    def connect(project: str, server: str) -> ResourceCalls:
        with guard:
            if server not in clients:
                if len(clients) >= _MOST_CLIENTS:
                    clients.pop(next(iter(clients))).close()
                clients[server] = Client(server, credentials)
            return ResourceCalls(clients[server], project)

    return connect


def fingerprint(credentials: Credentials) -> str:
    """What tells one certificate of this resource from the next; empty when it cannot be read."""
    try:
        return hashlib.sha256(credentials.certificate.read_bytes()).hexdigest()
    except OSError:
        return ""


@dataclass(frozen=True)
class Unended:
    """A session whose end nobody has confirmed, since a time."""

    server: str
    calls: ResourceCalls
    since: float


class ServerConnections:
    """All servers together, asked by several threads; remembers per server until when it is left alone."""

    def __init__(self, connect: Connect, clock: Clock) -> None:
        """``connect`` makes the calls, real ones or a test's."""
        self.connect = connect
        # The `fingerprint` of the certificate that calls are made with.
        self.shown = ""
        self.clock = clock
        self._not_before: dict[str, float] = {}
        self._failures: dict[str, int] = {}
        self._unended: deque[Unended] = deque(maxlen=MOST_UNENDED)

    def end(self, server: str, calls: ResourceCalls) -> None:
        """Sign off. When that is lost, or refused as busy, it is done again once the server answers.

        Until then what was offered is locked for everybody, this resource too.
        """
        try:
            calls.sign_off()
        except (ServerError, TransportError) as failure:
            log.debug("%s: sign-off failed: %s", server, failure)
            if isinstance(failure, TransportError) or failure.back_off:
                self._unended.append(Unended(server, calls, self.clock.now))

    def end_left_over(self, server: str, project: str) -> None:
        """End the sessions that could not be ended before, now that the server answers."""
        for _ in range(len(self._unended)):
            try:
                one = self._unended.popleft()
            except IndexError:
                return
            if one.since < self.clock.now - SESSION_LIFE:
                continue
            if (one.server, one.calls.project) == (server, project):
                self.end(server, one.calls)
            else:
                self._unended.append(one)

    def open(self, server: str) -> bool:
        """Whether a server may be asked now."""
        return self.clock.now >= self._not_before.get(server, self.clock.now)

    def pause(self, server: str, seconds: float) -> float:
        """Leave a server alone for some seconds and up to half as many more; how many that is.

        The chance in it keeps many daemons from returning at once.
        """
        wait = min(seconds, LONGEST_BACK_OFF) * random.uniform(1.0, 1.5)  # noqa: S311 - jitter, not a secret
        if len(self._not_before) >= _MOST_REMEMBERED:
            self._forget()
        self._not_before[server] = self.clock.now + wait
        return wait

    @property
    def servers_remembered(self) -> int:
        """The number of servers of which the end of a pause is kept."""
        return len(self._not_before)

    def _forget(self) -> None:
        """Forget those whose pause is over: next time they are as new."""
        for server, end in list(self._not_before.items()):
            if end < self.clock.now:
                self._not_before.pop(server, None)
                self._failures.pop(server, None)

    @contextmanager
    def watching(self, server: str) -> Iterator[None]:
        """Learn from the calls of a block how a server is; their errors are passed on.

        Raises BackingOffError while the server is to be left alone.

        An answer that cannot be understood counts as none.
        """
        if not self.open(server):
            seconds = self._not_before[server] - self.clock.now
            raise BackingOffError(f"{server} is left alone for {seconds:.0f} s more")
        try:
            with _understanding(server):
                yield
        except TransportError as error:
            if self.open(server):
                self._failed(server, error.reason)
            raise
        except ServerError as error:
            self._failures.pop(server, None)
            if error.back_off:
                seconds = self.pause(server, error.timeout)
                log.info("%s is busy; next try in %.0f s", server, seconds)
            raise
        self._failures.pop(server, None)

    def _failed(self, server: str, reason: str) -> None:
        """Noted once for all that were waiting for the server at that time."""
        failures = self._failures[server] = min(self._failures.get(server, 0) + 1, _MOST_FAILURES)
        seconds = self.pause(server, min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** (failures - 1)))
        level = logging.WARNING if len(self._failures) <= MOST_TOLD else logging.DEBUG
        log.log(level, "%s cannot be reached: %s; next try in %.0f s", server, reason, seconds)


@contextmanager
def _understanding(server: str) -> Iterator[None]:
    """Turn the errors of an answer with impossible values into TransportError."""
    try:
        yield
    except (OverflowError, RecursionError, ValueError) as error:
        raise TransportError(server, f"its answer cannot be understood: {error}") from error


class SessionPool:
    """The sessions of one errand: opened when first needed, all signed off at the end of the block."""

    def __init__(self, servers: ServerConnections) -> None:
        """Nothing is sent yet."""
        self.servers = servers
        self._sessions: dict[tuple[str, str], tuple[ResourceCalls, SignUp]] = {}

    def __enter__(self) -> "SessionPool":
        """The round itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Sign off everywhere."""
        while self._sessions:
            (_project, server), (calls, _answer) = self._sessions.popitem()
            self.servers.end(server, calls)

    def session(self, project: str, server: str, capabilities: str = "") -> tuple[ResourceCalls, SignUp]:
        """Signed-up calls and the answer to the sign-up, the same ones for the whole round."""
        if (project, server) not in self._sessions:
            calls = self.servers.connect(project, server)
            self._sessions[project, server] = calls, calls.sign_up(capabilities)
            log.debug("%s: signed up for project %s", server, project)
            self.servers.end_left_over(server, project)
        return self._sessions[project, server]

    def sign_off(self, project: str, server: str) -> None:
        """End a session, which frees what it has locked; the next call of `session` opens another one."""
        kept = self._sessions.pop((project, server), None)
        if kept is not None:
            self.servers.end(server, kept[0])
