"""Watches: held calls by which a server says at once that there is a job to take, or one of ours to abort
or to look at.

A watch only makes due now what would be due later: work is searched for and jobs are asked after in the usual
way, and without any watch all goes on as with a server that has none. It locks nothing, so that a watch that
is cut off costs nobody anything; its thread is never waited for.
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
from lgi_daemon.loop.work_cycle import WorkCycle
from lgi_daemon.servers.connections import BackingOffError, ServerConnections
from lgi_protocol.errors import ServerError, TransportError
from lgi_protocol.resource_api import WATCHED, PendingJob
from lgi_protocol.states import State

log = logging.getLogger(__name__)

# Shorter than what many routers keep a silent connection for, and than our patience with an answer.
LONGEST = 40
# Between two calls of a watch, and after one that failed.
PAUSE, LONG_PAUSE = 0.5, 10.0
# So many jobs are remembered; the server has no more to tell of at once.
MOST_KNOWN = 400
# Of one project; each is a thread and a connection, and who is named is the servers' choice.
MOST_WATCHES = 16


@dataclass
class LongPollCall:
    """A server as one project knows it. ``known`` are jobs it has told of, and until when that is no news."""

    project: str
    server: str
    seconds: int
    known: dict[PendingJob, float] = field(default_factory=dict)

    def note(self, found: tuple[PendingJob, ...], until: float) -> None:
        """Remember what was told; the oldest are forgotten first."""
        for job in found:
            self.known.pop(job, None)
            self.known[job] = until
        for job in list(self.known)[:-MOST_KNOWN]:
            del self.known[job]

    def still_known(self, now: float) -> tuple[PendingJob, ...]:
        """The jobs that would be no news."""
        self.known = {job: until for job, until in self.known.items() if now < until}
        return tuple(self.known)


class LongPollCalls:
    """The watches of a daemon, one for each server that has said it holds calls."""

    def __init__(
        self,
        servers: ServerConnections,
        work: JobFetcher,
        tour: WorkCycle,
        jobs: JobTable,
        tails: OutputSender,
        fast: float,
    ) -> None:
        """A job that was told of and is still there after ``fast`` seconds is news again."""
        self._servers = servers
        self._work = work
        self._tour = tour
        self._jobs = jobs
        self.tails = tails
        self._fast = fast
        self._guard = threading.Lock()
        self._watches: dict[tuple[str, str], LongPollCall] = {}
        # Called when there is something to do.
        self.wake: Callable[[], None] = lambda: None

    def heard(self, project: str, server: str, longest_wait: int) -> None:
        """A server has said for how many seconds it holds a call: it is watched from now on, of each
        project some servers and those that are still named."""
        seconds = min(longest_wait, LONGEST)
        with self._guard:
            of_project = sum(name == project for name, _server in self._watches)
            if seconds <= 0 or (project, server) in self._watches or of_project >= MOST_WATCHES:
                return
            watch = self._watches[project, server] = LongPollCall(project, server, seconds)
        log.debug("%s tells project %s of work as it comes", server, project)
        threading.Thread(target=self._keep, args=(watch,), name="LGI-watch", daemon=True).start()

    def __len__(self) -> int:
        """How many there are."""
        return len(self._watches)

    def _keep(self, watch: LongPollCall) -> None:
        """Until its server is none of the project's any more."""
        while not self._work.stopping() and self._tour.names(watch.project, watch.server):
            time.sleep(self.look(watch))
        with self._guard:
            del self._watches[watch.project, watch.server]
        log.debug("%s is not watched for project %s any more", watch.server, watch.project)

    def look(self, watch: LongPollCall) -> float:
        """One held call and what follows from it; after how many seconds to make the next one."""
        project = next((one for one in self._work.configuration.projects if one.name == watch.project), None)
        if project is None:
            return LONG_PAUSE
        now = self._servers.clock.now
        applications = [one.name for one in project.applications]
        try:
            with self._servers.watching(watch.server):
                calls = self._servers.connect(watch.project, watch.server)
                known, sent = watch.still_known(now), self.tails.followed(watch.project, watch.server)
                told = calls.poll_work(applications, known, watch.seconds, load=self._load(), watched=sent)
        except (BackingOffError, ServerError, TransportError) as error:
            log.debug("%s is not watched for a while: %s", watch.server, error)
            return LONG_PAUSE
        looked_at = [job.job_id for job in told if job.state == WATCHED]
        self.tails.follow(watch.project, watch.server, looked_at)
        found = tuple(job for job in told if job.state != WATCHED)
        watch.note(found, self._servers.clock.now + self._fast)
        aborting = {job.job_id for job in found if job.state == State.ABORTING}
        for job in self._jobs:
            if (job.record.project, job.record.server) == (watch.project, watch.server):
                job.poll_at = now if job.record.job_id in aborting else job.poll_at
        if len(aborting) < len(found):
            self._search(project, watch.server)
        if found:
            self.wake()
        return PAUSE

    def _load(self) -> int:
        """How full this resource is, in percent: who is emptier hears of new jobs first."""
        return 100 * len(self._jobs) // self._work.configuration.rules.job_limit

    def _search(self, project: ProjectSettings, server: str) -> None:
        """A search that is under way may have come too early for what was just told: then another one."""
        while not self._work.stopping() and not self._tour.ask_again(project, server):
            time.sleep(PAUSE)
