"""The sessions of LGI_attach with the jobs here: whether they may be, and how many."""

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial

from lgi_daemon.jobs import attach_rules
from lgi_daemon.jobs.attach_session import AttachSession, refuse
from lgi_daemon.jobs.job import LocalJob
from lgi_daemon.jobs.job_table import JobTable
from lgi_daemon.servers.connections import ServerConnections
from lgi_protocol.attach_stream import AttachStream
from lgi_protocol.daemon_reference import is_reference
from lgi_protocol.exchange import AttachRequest

log = logging.getLogger(__name__)

# Sessions at once of this resource; threads that may refuse others; and sessions that servers are told of.
MOST, MOST_REFUSALS, MOST_KNOWN = 8, 8, 32
_Place = tuple[str, str]


class AttachSessions:
    """All sessions of this daemon, each with threads of its own."""

    def __init__(self, servers: ServerConnections, jobs: JobTable, is_allowed: Callable[[], bool]) -> None:
        """Serve users while ``is_allowed``, by the configuration in force."""
        self._servers = servers
        self._jobs = jobs
        self._is_allowed = is_allowed
        self._guard = threading.Lock()
        self._known: deque[tuple[_Place, str]] = deque(maxlen=MOST_KNOWN)
        self._sessions: dict[str, AttachSession] = {}
        self._refusals = 0

    def known(self, project: str, server: str) -> tuple[str, ...]:
        """Return the sessions of which a server has told this daemon lately."""
        return tuple(session for place, session in list(self._known) if place == (project, server))

    def start(self, project: str, server: str, requests: Iterable[AttachRequest]) -> None:
        """Begin sessions with jobs of this server, or refuse them; it does not wait."""
        for request in requests:
            entry = (project, server), request.session
            if entry in self._known or not is_reference(request.session):
                continue
            self._known.append(entry)
            for job in self._jobs:
                record = job.record
                if (record.project, record.server, record.job_id) == (project, server, request.job_id):
                    self._begin(job, request.session)

    def _begin(self, job: LocalJob, token: str) -> None:
        record = job.record
        calls = self._servers.connect(record.project, record.server)
        stream = AttachStream(partial(calls.attach_stream, record.reference), token)
        with self._guard:
            problem = self._problem(job)
            if not problem and len(self._sessions) >= MOST:
                problem = f"the resource has {MOST} sessions of LGI_attach, try again later"
            if problem and self._refusals >= MOST_REFUSALS:
                return
            if problem:
                self._refusals += 1
                target = partial(self._refuse, stream, problem)
            else:
                self._sessions[token] = session = AttachSession(job, stream, self._problem)
                target = partial(self._serve, token, session)
        threading.Thread(target=target, name="LGI-attach", daemon=True).start()

    def _problem(self, job: LocalJob) -> str:
        if not self._is_allowed():
            return "the resource does not allow LGI_attach (attach in its LGI.cfg)"
        return attach_rules.problem(job)

    def _serve(self, token: str, session: AttachSession) -> None:
        try:
            session.run()
        finally:
            with self._guard:
                self._sessions.pop(token, None)

    def _refuse(self, stream: AttachStream, problem: str) -> None:
        try:
            refuse(stream, problem)
        finally:
            with self._guard:
                self._refusals -= 1

    def close(self) -> None:
        """End all sessions, and return when their programs have ended."""
        for session in list(self._sessions.values()):
            session.stop()
