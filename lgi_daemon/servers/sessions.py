"""Sessions at project servers: opened when needed, and ended there in any case, also after a kill."""

import errno
import logging
import math
from collections import deque
from contextlib import nullcontext
from dataclasses import dataclass
from threading import Lock
from types import TracebackType

from lgi_daemon.rundir.session_file import SessionFile, StoredSession
from lgi_daemon.servers.connections import ServerConnections
from lgi_daemon.servers.exchange_servers import ExchangeServers
from lgi_protocol.errors import ServerError, TransportError
from lgi_protocol.resource_api import ResourceCalls
from lgi_protocol.sign_up import SignUp

log = logging.getLogger(__name__)

# A server ends an unused session by itself after so many seconds; so many are remembered until then.
SESSION_LIFE, MAX_PENDING_SIGN_OFFS = 1800.0, 64
# Each worker of a server remembers for a minute how many daemons of a resource there are.
REMEMBERED_SECONDS = 120.0


@dataclass(frozen=True)
class PendingSignOff:
    """A session whose sign-off the server has not confirmed; it ends by itself some time after ``since``."""

    session: StoredSession
    since: float


class SessionRegistry:
    """The sessions that may be open at servers, for several threads.

    Each is stored before it can lock a job. Until a session ends, its jobs are locked for everybody, this
    resource included.
    """

    def __init__(
        self,
        servers: ServerConnections,
        stored: SessionFile,
        daemon: str = "",
        exchange_servers: ExchangeServers | None = None,
    ) -> None:
        """Take the sessions that an earlier daemon has left: they are ended once their servers answer.

        ``daemon`` is the number by which servers tell this daemon from others of the same resource. What
        servers announce at a sign-up is recorded in ``exchange_servers``.
        """
        self.servers = servers
        self.exchange_servers = exchange_servers or ExchangeServers()
        self.daemon = daemon
        # How many there are, and when a server has last said so.
        self._others: dict[tuple[str, str], tuple[int, float]] = {}
        self._stored = stored
        left = [PendingSignOff(session, math.inf) for session in stored.read()]
        # What they have locked is needed at the start: a session is used only when they have ended.
        self._recovery = {(one.session.project, one.session.server): Lock() for one in left}
        self._pending: deque[PendingSignOff] = deque(left, maxlen=MAX_PENDING_SIGN_OFFS)

    def pool(self) -> "SessionPool":
        """Return the sessions of one sync or fetch."""
        return SessionPool(self)

    def sign_up(self, project: str, server: str, capabilities: str) -> "Session":
        """Open a session, and end those that could not be ended before, now that the server answers."""
        calls = self.servers.connect(project, server)
        answer = calls.sign_up(capabilities, self.daemon)
        self.exchange_servers.signed_up(project, server, answer, self.servers.clock.now, capabilities)
        self.log_others(project, server, answer.other_daemons)
        session = Session(calls, answer, self._stored.add(project, server, answer.session_id))
        log.debug("%s: signed up for project %s", server, project)
        with self._recovery.get((project, server), nullcontext()):
            self._retry_sign_offs(project, server)
        return session

    def log_others(self, project: str, server: str, number: int) -> None:
        """Log, when it changes, how many other daemons use the certificate of this one.

        A smaller number counts after a while: not all workers of a server know of a daemon at once.
        """
        now = self.servers.clock.now
        before, said_at = self._others.get((project, server), (0, now))
        if number < before and now - said_at < REMEMBERED_SECONDS:
            return
        self._others[project, server] = (number, now)
        if number > before:
            log.warning(
                "%s: %d other daemons use the certificate of this resource in project %s, and what each says "
                "it offers replaces what the others said: give each its own certificate",
                *(server, number, project),
            )
        elif before and not number:
            log.info("%s: no other daemon uses the certificate of this resource any more", server)

    def check_stored(self, session: StoredSession) -> None:
        """Raise OSError unless a session is on the disk: what it locks would stay locked after a kill."""
        if not self._stored.has(session):
            raise OSError(errno.ENOSPC, f"the session at {session.server} cannot be stored")

    def sign_off(self, calls: ResourceCalls, session: StoredSession) -> None:
        """End a session. When the call fails it is repeated once the server answers again."""
        try:
            calls.sign_off()
        except (ServerError, TransportError) as failure:
            log.debug("%s: sign-off failed: %s", session.server, failure)
            if isinstance(failure, TransportError) or failure.back_off:
                self._pending.append(PendingSignOff(session, self.servers.clock.now))
                return
        self._stored.remove(session)

    def _retry_sign_offs(self, project: str, server: str) -> None:
        for _ in range(len(self._pending)):
            try:
                one = self._pending.popleft()
            except IndexError:
                return
            if one.since < self.servers.clock.now - SESSION_LIFE:
                self._stored.remove(one.session)
            elif (one.session.project, one.session.server) == (project, server):
                calls = self.servers.connect(project, server)
                calls.session_id = one.session.session_id
                self.sign_off(calls, one.session)
            else:
                self._pending.append(one)


@dataclass(frozen=True)
class Session:
    """An open session: its calls, and the answer to its sign-up."""

    calls: ResourceCalls
    answer: SignUp
    stored: StoredSession


class SessionPool:
    """The sessions of one sync or fetch: opened when first needed, all signed off at the end of the block."""

    def __init__(self, registry: SessionRegistry) -> None:
        """Send nothing yet."""
        self.servers = registry.servers
        self._registry = registry
        self._sessions: dict[tuple[str, str], Session] = {}

    def __enter__(self) -> "SessionPool":
        """Return the pool itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Sign off at all servers."""
        while self._sessions:
            _key, session = self._sessions.popitem()
            self._registry.sign_off(session.calls, session.stored)

    def session(self, project: str, server: str, capabilities: str = "") -> tuple[ResourceCalls, SignUp]:
        """Return signed-up calls and the answer to the sign-up, the same ones until `sign_off`."""
        if (project, server) not in self._sessions:
            self._sessions[project, server] = self._registry.sign_up(project, server, capabilities)
        session = self._sessions[project, server]
        return session.calls, session.answer

    def stored_session(self, project: str, server: str) -> tuple[ResourceCalls, SignUp]:
        """Return a session that may lock jobs; raise OSError when it is not on the disk."""
        answer = self.session(project, server)
        self._registry.check_stored(self._sessions[project, server].stored)
        return answer

    def sign_off(self, project: str, server: str) -> None:
        """End a session, which releases its locks; the next call of `session` opens another one."""
        session = self._sessions.pop((project, server), None)
        if session is not None:
            self._registry.sign_off(session.calls, session.stored)
