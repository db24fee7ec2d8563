"""Long-polls: calls that a server holds until there is a job to claim, to abort, or to send output of.

A long-poll only makes something due now that would be due later: jobs are fetched and polled in the usual
way, and without long-polls everything works as with a server that has none. A long-poll locks nothing, so
that one that is cut off costs nobody anything; the daemon never waits for its thread.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from lgi_daemon.claiming.fetcher import JobFetcher
from lgi_daemon.config.model import ProjectSettings
from lgi_daemon.jobs.job_table import JobTable
from lgi_daemon.jobs.output_sender import OutputSender
from lgi_daemon.loop.held_exchanges import HeldExchanges
from lgi_daemon.loop.work_cycle import WorkCycle
from lgi_daemon.servers.connections import BackingOffError, ServerConnections
from lgi_protocol.errors import ServerError, TransportError
from lgi_protocol.states import State
from lgi_protocol.work_offer import WATCHED, PendingJob

log = logging.getLogger(__name__)

# Seconds; shorter than the time after which many routers drop an idle connection, and than our own timeout.
MAX_HOLD = 40
# Default seconds between two calls of a long poll, and the seconds after a call that failed.
DELAY, FAILURE_DELAY = 0.5, 10.0
# The jobs that are remembered as announced; a server announces no more at once.
MAX_ANNOUNCED = 400
# Per project: each is a thread and a connection, and the servers choose which servers are named.
MAX_LONG_POLLS = 16


@dataclass
class LongPoll:
    """The long-poll of one project at one server.

    ``announced`` are the jobs the server has announced, and until when it must not announce them again. The
    pause before the next call ends with ``hurry``.
    """

    project: str
    server: str
    seconds: int
    announced: dict[PendingJob, float] = field(default_factory=dict)
    hurry: threading.Event = field(default_factory=threading.Event)

    def record(self, jobs: tuple[PendingJob, ...], until: float) -> None:
        """Remember announced jobs; the oldest are forgotten first."""
        for job in jobs:
            self.announced.pop(job, None)
            self.announced[job] = until
        for job in list(self.announced)[:-MAX_ANNOUNCED]:
            del self.announced[job]

    def still_announced(self, now: float) -> tuple[PendingJob, ...]:
        """Return the jobs that the server must not announce again."""
        self.announced = {job: until for job, until in self.announced.items() if now < until}
        return tuple(self.announced)


class LongPolls:
    """The long-polls of a daemon, one for each project and server that holds calls."""

    def __init__(
        self,
        servers: ServerConnections,
        *,
        fetcher: JobFetcher,
        work_cycle: WorkCycle,
        jobs: JobTable,
        output_sender: OutputSender,
        fast: float,
        delay: float = DELAY,
        held_exchanges: HeldExchanges,
    ) -> None:
        """Let a server announce a job again that is still pending after ``fast`` seconds.

        ``delay`` is in seconds between two calls of a long-poll.
        """
        self._servers = servers
        self._fetcher = fetcher
        self._work_cycle = work_cycle
        self._jobs = jobs
        self.output_sender = output_sender
        self._fast = fast
        self._delay = delay
        self._held_exchanges = held_exchanges
        held_exchanges.on_room = self.hasten
        self._guard = threading.Lock()
        self._long_polls: dict[tuple[str, str], LongPoll] = {}
        # Called when there is something to do.
        self.wake: Callable[[], None] = lambda: None

    def signed_up(self, project: str, server: str, longest_wait: int) -> None:
        """Start the long-poll of a server that holds calls for ``longest_wait`` seconds, 0 for not at all.

        Each project has at most `MAX_LONG_POLLS`, and only at servers that are still named.
        """
        seconds = min(longest_wait, MAX_HOLD)
        with self._guard:
            of_project = sum(name == project for name, _server in self._long_polls)
            if seconds <= 0 or (project, server) in self._long_polls or of_project >= MAX_LONG_POLLS:
                return
            long_poll = self._long_polls[project, server] = LongPoll(project, server, seconds)
        log.debug("%s announces jobs of project %s", server, project)
        threading.Thread(target=self._run, args=(long_poll,), name="LGI-long-poll", daemon=True).start()

    def hasten(self, project: str, server: str) -> None:
        """Make the next call of a long-poll now: there is room for jobs."""
        with self._guard:
            long_poll = self._long_polls.get((project, server))
        if long_poll is not None:
            long_poll.hurry.set()

    def __len__(self) -> int:
        """Return the number of long-polls."""
        return len(self._long_polls)

    def _run(self, long_poll: LongPoll) -> None:
        """Call a server again and again while it belongs to the project."""
        project, server = long_poll.project, long_poll.server
        while not self._fetcher.stopping() and self._work_cycle.is_project_server(project, server):
            long_poll.hurry.clear()
            long_poll.hurry.wait(self.poll(long_poll))
        with self._guard:
            del self._long_polls[project, server]
        log.debug("%s: no more long-polls for project %s", server, project)

    def poll(self, long_poll: LongPoll) -> float:
        """Make one held call and act on the answer; return the seconds until the next call."""
        projects = {one.name: one for one in self._fetcher.configuration.projects}
        project = projects.get(long_poll.project)
        if project is None:
            return FAILURE_DELAY
        now = self._servers.clock.now
        try:
            exchanged = self._held_exchanges.hold(long_poll.project, long_poll.server, long_poll.seconds)
            if exchanged is not None:
                return exchanged
            answer = self._wait(project, long_poll, now)
        except (BackingOffError, OSError, ServerError, TransportError) as error:
            log.debug("%s: long-poll failed: %s", long_poll.server, error)
            return FAILURE_DELAY
        watched = [job.job_id for job in answer if job.state == WATCHED]
        self.output_sender.start(long_poll.project, long_poll.server, watched)
        announced = tuple(job for job in answer if job.state != WATCHED)
        long_poll.record(announced, self._servers.clock.now + self._fast)
        aborting = {job.job_id for job in announced if job.state == State.ABORTING}
        for job in self._jobs:
            is_here = (job.record.project, job.record.server) == (long_poll.project, long_poll.server)
            if is_here and job.record.job_id in aborting:
                job.schedule.abort_announced(now)
        if len(aborting) < len(announced):
            self._fetch(project, long_poll.server)
        if announced:
            self.wake()
        return self._delay

    def _wait(self, project: ProjectSettings, long_poll: LongPoll, now: float) -> tuple[PendingJob, ...]:
        applications = [one.name for one in project.applications]
        with self._servers.tracking(long_poll.server):
            calls = self._servers.connect(long_poll.project, long_poll.server)
            announced = long_poll.still_announced(now)
            sending = self.output_sender.sending(long_poll.project, long_poll.server)
            return calls.poll_work(
                applications, announced, long_poll.seconds, load=self._load(), watched=sending
            )

    def _load(self) -> int:
        """Return the load of this resource in percent: servers announce jobs to the least loaded first."""
        return 100 * len(self._jobs) // self._fetcher.configuration.rules.job_limit

    def _fetch(self, project: ProjectSettings, server: str) -> None:
        """Fetch, after a fetch that is under way: it may have come before the announcement."""
        while not self._fetcher.stopping() and not self._work_cycle.fetch_from(project, server):
            time.sleep(self._delay)
