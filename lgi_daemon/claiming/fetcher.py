"""A search for work at one server: asks it for jobs this resource may take, and takes them."""

import logging
import random
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from lgi_daemon.claiming import claim
from lgi_daemon.claiming.capabilities import CapabilityReporter
from lgi_daemon.claiming.claim import OfferedJob
from lgi_daemon.claiming.limits import Level, full_level, owners_filter
from lgi_daemon.claiming.rejected_jobs import RejectedJobs, Version
from lgi_daemon.claiming.reservations import CapacityExceededError, Reservations
from lgi_daemon.config.model import ApplicationSettings, Configuration, ProjectSettings
from lgi_daemon.execution.scripts import NoAnswerError, Place, Scripts
from lgi_daemon.jobs.circuit_breaker import CircuitBreaker
from lgi_daemon.jobs.job_table import JobTable
from lgi_daemon.jobs.reports import unlock
from lgi_daemon.rundir.run_directory import RunDirectory
from lgi_daemon.servers.connections import BackingOffError, ServerConnections, SessionPool
from lgi_protocol.errors import ServerError, TransportError
from lgi_protocol.resource_api import ResourceCalls, is_job_id

log = logging.getLogger(__name__)

_One = TypeVar("_One")
PAGES = 16
# So many jobs that were not taken are unlocked with no more calls than another sign-off and sign-up are.
FEW = 2
# Is told the servers a sign-up answer names.
Found = Callable[[Sequence[str]], None]


class JobFetcher:
    """Fetches jobs for one configuration; jobs taken are added to ``jobs``."""

    def __init__(
        self,
        configuration: Configuration,
        jobs: JobTable,
        run: RunDirectory,
        servers: ServerConnections,
        scripts: Scripts,
        health: CircuitBreaker,
        stopping: Callable[[], bool],
        announcement: CapabilityReporter,
    ) -> None:
        """When ``stopping`` says so no further job is taken."""
        self.configuration = configuration
        self.jobs = jobs
        self.run = run
        self.servers = servers
        self.scripts = scripts
        self.health = health
        self.stopping = stopping
        self.announcement = announcement
        self.room = Reservations(jobs)
        self.refusals = RejectedJobs(jobs.clock)
        # Since the tour began: whether jobs were taken, and whether some wait that there was no room for.
        self.took_some = False
        self.left_some = False
        # Is told of each server that has answered a sign-up.
        self.heard: Callable[[str, str, int], None] = lambda _project, _server, _seconds: None

    def search(self, project: ProjectSettings, server: str, found: Found) -> None:
        """Take jobs of one server, in whatever thread; ``found`` hears of the others it names."""
        if self.stopping() or self._is_full(project):
            return
        with SessionPool(self.servers) as round_:
            try:
                with self.servers.watching(server):
                    _calls, told = round_.session(project.name, server, self.announcement.of(project))
                    self.heard(project.name, server, told.longest_wait)
                    # As LGI: slaves in reverse order, the reported master last.
                    found((*reversed(told.slave_servers), told.master_server))
                    self._server(project, server, round_)
            except BackingOffError as reason:
                log.debug("%s", reason)
            except ServerError as error:
                log.warning("%s gives no work for project %s: %s", server, project.name, error)
            except TransportError as error:
                log.debug("%s: %s", server, error.reason)
            except OSError as error:
                log.critical("no more work is taken from %s: the disk does not take it: %s", server, error)
            except (ArithmeticError, AttributeError, LookupError, TypeError):
                # The other servers are asked all the same.
                log.critical("a mistake in the daemon with %s, please report it", server, exc_info=True)

    def _is_full(self, project: ProjectSettings) -> bool:
        everywhere, here = self._levels(project, project.applications[0])[:2]
        full = full_level((everywhere, here))
        if full:
            self.left_some = True
            log.debug("no work is asked for: %s is full", full)
        return bool(full)

    def _server(self, project: ProjectSettings, server: str, round_: SessionPool) -> None:
        for application in from_anywhere(project.applications):
            if self.stopping():
                return
            if self._has_room(project, application) and self._system_allows(project, application):
                self._application(project, application, server, round_)

    def _has_room(self, project: ProjectSettings, application: ApplicationSettings) -> bool:
        full = full_level(self._levels(project, application))
        rest = self.health.rest_of(project.name, application.name)
        if full:
            self.left_some = True
            log.debug("no %s is asked for: %s is full", application.name, full)
        if rest:
            log.debug("no %s is asked for: its jobs failed, %.0f s more", application.name, rest)
        return not full and not rest

    def _system_allows(self, project: ProjectSettings, application: ApplicationSettings) -> bool:
        """What check_system_limits_script says, in the run directory."""
        # As LGI: it runs as the daemon's own user; only the administrator can change it.
        script = application.check_system_limits_script
        hints = {"LGI_PROJECT": project.name, "LGI_APPLICATION": application.name}
        try:
            place = Place(self.run.path, hints=hints, programs=self.run.programs)
            status = self.scripts.status(script, place)
        except NoAnswerError as error:
            log.warning("no %s is asked for: %s", application.name, error)
            return False
        if status != 0:
            log.debug("no %s is asked for: %s answered %d", application.name, script.name, status)
        return status == 0

    def _application(
        self, project: ProjectSettings, application: ApplicationSettings, server: str, round_: SessionPool
    ) -> None:
        """Page after page while many jobs are offered and none is taken."""
        limit = min(256, max(32, 4 * application.rules.job_limit))
        for page in range(PAGES):
            calls, told = round_.session(project.name, server)
            owners = owners_filter(self._levels(project, application))
            offer = calls.request_work(application.name, page * limit, limit, owners)
            log.debug("%s offers %d jobs of %s", server, len(offer.jobs), application.name)
            left = []
            for job in offer.jobs:
                offered = OfferedJob(
                    told=job,
                    project=project,
                    application=application,
                    server=server,
                    master_server=told.master_server or project.master_server,
                    resource=offer.resource,
                    max_field_size=told.max_field_size,
                    job_certificates=told.job_certificates,
                )
                if self._consider(offered, calls):
                    unlock(calls, job.job_id)
                else:
                    left.append(job.job_id)
            self._leave(left, project, server, round_)
            if len(left) < len(offer.jobs) or len(offer.jobs) <= limit // 2 or self.stopping():
                return

    def _leave(self, left: Sequence[str], project: ProjectSettings, server: str, round_: SessionPool) -> None:
        """Unlock what was not taken: few one by one, many by the end of the session, which frees all."""
        if len(left) > FEW:
            round_.sign_off(project.name, server)
            return
        calls, _told = round_.session(project.name, server)
        for job_id in filter(None, left):
            unlock(calls, job_id)

    def _consider(self, offer: OfferedJob, calls: ResourceCalls) -> bool:
        """Take one offered job or not; whether it was taken."""
        if not is_job_id(offer.told.job_id):
            log.warning("%s offers a job without a number: %.100r", offer.server, offer.told.job_id)
            return False
        if self.stopping():
            return False
        rest = self.refusals.rest_of(_version(offer))
        if rest:
            log.debug("job %s was refused, it is not looked at for %.0f s", offer.told.job_id, rest)
            return False
        try:
            return self._take(offer, calls)
        except CapacityExceededError as why_not:
            self.left_some = True
            log.debug("job %s is not taken: %s", offer.told.job_id, why_not)
            return False

    def _take(self, offer: OfferedJob, calls: ResourceCalls) -> bool:
        with self.room.reserved(offer, self.configuration) as uid:
            version = _version(offer)
            is_news = not self.refusals.knows(version)
            job = claim.prepare(offer, uid, self.configuration, self.run, self.scripts, is_news)
            if job is None:
                self.refusals.note(version)
                return False
            # Nobody looks at it before the server has said whose it is.
            job.hold.acquire()
            self.jobs.add(job)
        try:
            taken = claim.claim(job, offer.resource, calls, self.servers.shown)
        finally:
            job.hold.release()
        if taken:
            self.took_some = True
        else:
            self.jobs.forget(job)
        return taken

    def _levels(
        self, project: ProjectSettings, application: ApplicationSettings
    ) -> tuple[Level, Level, Level]:
        return self.room.levels(self.configuration, project, application)


def _version(offer: OfferedJob) -> Version:
    told = offer.told
    return Version(
        offer.project.name, offer.server, offer.application.name, told.job_id, told.state_time_stamp
    )


def from_anywhere(things: Sequence[_One]) -> Iterator[_One]:
    """All things once, from a random one on, so that none is always first."""
    start = random.randrange(len(things))  # noqa: S311 - fairness, not a secret
    yield from things[start:]
    yield from things[:start]
