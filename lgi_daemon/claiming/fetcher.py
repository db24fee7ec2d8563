"""Fetches jobs from one server: asks it for jobs this resource may run, and claims them."""

import logging
import random
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from lgi_daemon.claiming.ca_file import CaFile
from lgi_daemon.claiming.capabilities import CapabilityReporter
from lgi_daemon.claiming.claim import OfferedJob, OfferSource
from lgi_daemon.claiming.claimer import Claimer, OfferResult
from lgi_daemon.claiming.limits import Level, full_level, owners_filter
from lgi_daemon.claiming.offer_pages import first_page, free_slots
from lgi_daemon.claiming.system_limits import SystemLimits
from lgi_daemon.config.model import ApplicationSettings, Configuration, ProjectSettings
from lgi_daemon.execution.scripts import Scripts
from lgi_daemon.jobs.circuit_breaker import CircuitBreaker
from lgi_daemon.jobs.job_table import JobTable
from lgi_daemon.jobs.reports import unlock
from lgi_daemon.rundir.run_directory import RunDirectory
from lgi_daemon.servers.connections import BackingOffError
from lgi_daemon.servers.sessions import SessionPool, SessionRegistry
from lgi_protocol.errors import ServerError, TransportError
from lgi_protocol.resource_api import ResourceCalls
from lgi_protocol.sign_up import SignUp

log = logging.getLogger(__name__)

_One = TypeVar("_One")
MAX_PAGES = 16
# Up to so many jobs that were not claimed are unlocked one by one: a sign-off and a new sign-up cost as much.
MAX_SINGLE_UNLOCKS = 2
# Receives the servers that a sign-up answer names.
OnServers = Callable[[Sequence[str]], None]


class JobFetcher:
    """Fetches jobs for one configuration; claimed jobs are added to ``jobs``."""

    def __init__(
        self,
        configuration: Configuration,
        jobs: JobTable,
        run: RunDirectory,
        *,
        sessions: SessionRegistry,
        scripts: Scripts,
        circuit_breaker: CircuitBreaker,
        stopping: Callable[[], bool],
        capability_reporter: CapabilityReporter,
        system_limits: SystemLimits,
    ) -> None:
        """Claim no further job once ``stopping`` returns True."""
        self.configuration = configuration
        self.servers = sessions.servers
        self.sessions = sessions
        self.scripts = scripts
        self.circuit_breaker = circuit_breaker
        self.stopping = stopping
        self.capability_reporter = capability_reporter
        self.system_limits = system_limits
        self._ca_file = CaFile()
        self.claimer = Claimer(jobs, run, scripts, sessions.servers)
        # Since the work cycle began: whether jobs were claimed, and whether some were
        # skipped for lack of capacity.
        self.claimed_any = False
        self.skipped_any = False
        # Makes an exchange with project and server; returns False when the server could not be reached.
        self.exchange: Callable[[str, str], bool] = lambda _project, _server: True
        # So long a sign-up counts where exchanges are made, in seconds: it names the servers of the project.
        self.sign_up_seconds = 0.0
        # Called after each sign-up with project, server and the seconds for which the server holds calls.
        self.on_sign_up: Callable[[str, str, int], None] = lambda _project, _server, _seconds: None

    def fetch(self, project: ProjectSettings, server: str, on_servers: OnServers) -> bool:
        """Claim jobs of one server, in any thread; ``on_servers`` receives the other servers it names.

        Return False when the server could not be reached for the sign-up, or must be left alone.
        """
        exchanges = self.sessions.exchange_servers
        known = exchanges.announcement(project.name, server)
        if self.stopping() or (
            exchanges.is_known(project.name, server) and not known and self._is_full(project)
        ):
            return True
        if known and not known.doubtful and self.servers.clock.now < known.at + self.sign_up_seconds:
            on_servers(_servers_of(known.sign_up))
            return self.exchange(project.name, server)
        is_signed_up = is_exchanging = False
        with self.sessions.pool() as sessions:
            try:
                with self.servers.tracking(server):
                    capabilities = self.capability_reporter.capabilities(project)
                    _calls, answer = sessions.session(project.name, server, capabilities)
                    is_signed_up = True
                    self.on_sign_up(project.name, server, answer.longest_wait)
                    on_servers(_servers_of(answer))
                    is_exchanging = exchanges.announcement(project.name, server) is not None
                    if not is_exchanging and not self._is_full(project) and self.has_ca(answer):
                        self._fetch_all(project, server, sessions)
                        self._report_changes(project, server, sessions, capabilities)
            except BackingOffError as reason:
                log.debug("%s", reason)
                return False
            except ServerError as error:
                log.warning("%s offers no jobs of project %s: %s", server, project.name, error)
            except TransportError as error:
                log.debug("%s: %s", server, error.reason)
                return is_signed_up
            except OSError as error:
                log.critical("cannot write to disk: %s; not fetching more jobs from %s", error, server)
            except (ArithmeticError, AttributeError, LookupError, TypeError):
                # The other servers are asked nevertheless.
                log.critical("internal error (please report) with %s", server, exc_info=True)
        return self.exchange(project.name, server) if is_exchanging else True

    def has_ca(self, sign_up: SignUp) -> bool:
        """Return whether the jobs of a server can get what they need of the CA: its file may be missing."""
        return not sign_up.job_certificates or self._ca_file.is_readable(self.configuration.credentials.ca)

    def _report_changes(
        self, project: ProjectSettings, server: str, sessions: SessionPool, reported: str
    ) -> None:
        """Sign up again when the scripts have answered differently than was reported: users see why."""
        capabilities = self.capability_reporter.capabilities(project)
        if capabilities != reported and not self.stopping():
            sessions.sign_off(project.name, server)
            sessions.session(project.name, server, capabilities)

    def _is_full(self, project: ProjectSettings) -> bool:
        resource, this_project = self._levels(project, project.applications[0])[:2]
        full = full_level((resource, this_project))
        if full:
            self.skipped_any = True
            log.debug("not fetching jobs: %s is full", full)
        return bool(full)

    def _fetch_all(self, project: ProjectSettings, server: str, sessions: SessionPool) -> None:
        for application in rotated(project.applications):
            if self.stopping():
                return
            if self._has_capacity(project, application) and self.system_limits.allow(project, application):
                self._fetch_application(project, application, server, sessions)

    def _has_capacity(self, project: ProjectSettings, application: ApplicationSettings) -> bool:
        full = full_level(self._levels(project, application))
        seconds = self.circuit_breaker.open_for(project.name, application.name)
        if full:
            self.skipped_any = True
            log.debug("not fetching jobs of %s: %s is full", application.name, full)
        if seconds:
            log.debug("not fetching jobs of %s for %.0f s: they failed", application.name, seconds)
        return not full and not seconds

    def _fetch_application(
        self, project: ProjectSettings, application: ApplicationSettings, server: str, sessions: SessionPool
    ) -> None:
        """Request page after page while they are filled and there is room for more jobs."""
        levels = self._levels(project, application)
        if not free_slots(levels):
            # Another search has taken the room while the script was asked.
            self.skipped_any = True
            return
        page = first_page(free_slots(levels), application.rules.job_limit)
        for _page in range(MAX_PAGES):
            calls, sign_up = sessions.stored_session(project.name, server)
            offer = calls.request_work(application.name, page.start, page.limit, owners_filter(levels))
            log.debug("%s offers %d jobs of %s", server, len(offer.jobs), application.name)
            source = OfferSource(project, application, server, sign_up, offer.resource)
            skipped = self._consider_all([source.job(one) for one in offer.jobs], calls)
            self._unlock(skipped, project, server, sessions)
            levels = self._levels(project, application)
            if self.stopping() or not page.is_filled_by(len(offer.jobs)):
                return
            left = free_slots(levels)
            if not left:
                # There may be more jobs than were requested.
                self.skipped_any = True
                return
            page = page.next_page(len(skipped), len(offer.jobs) - len(skipped), left)

    def _consider_all(self, offers: Sequence[OfferedJob], calls: ResourceCalls) -> list[str]:
        """Claim offered jobs, each unlocked at once; return the ids of those that were not claimed."""
        skipped = []
        for offer in offers:
            job_id = offer.description.job_id
            result = (
                OfferResult.SKIPPED
                if self.stopping()
                else self.claimer.consider(offer, self.configuration, calls)
            )
            # Not "|=": another thread may set them between its read and its write.
            if result is OfferResult.NO_CAPACITY:
                self.skipped_any = True
            if result is OfferResult.CLAIMED:
                self.claimed_any = True
            if result in {OfferResult.CLAIMED, OfferResult.TAKEN_BACK}:
                unlock(calls, job_id)
            else:
                skipped.append(job_id)
        return skipped

    def _unlock(
        self, job_ids: Sequence[str], project: ProjectSettings, server: str, sessions: SessionPool
    ) -> None:
        """Unlock jobs that were not claimed: few one by one, many by the end of the session."""
        if len(job_ids) > MAX_SINGLE_UNLOCKS:
            sessions.sign_off(project.name, server)
            return
        calls, _sign_up = sessions.session(project.name, server)
        for job_id in filter(None, job_ids):
            unlock(calls, job_id)

    def _levels(
        self, project: ProjectSettings, application: ApplicationSettings
    ) -> tuple[Level, Level, Level]:
        return self.claimer.reservations.levels(self.configuration, project, application)


def _servers_of(answer: SignUp) -> tuple[str, ...]:
    # As LGI: slaves in reverse order, the reported master last.
    return (*reversed(answer.slave_servers), answer.master_server)


def rotated(things: Sequence[_One]) -> Iterator[_One]:
    """Iterate over all things once, beginning at a random one, so that none is always first."""
    start = random.randrange(len(things))  # noqa: S311 - fairness, not a secret
    yield from things[start:]
    yield from things[:start]
