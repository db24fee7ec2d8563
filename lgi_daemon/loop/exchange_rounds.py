"""Makes exchanges when something is due: a report, a heartbeat, a cycle, or room for more jobs."""

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from threading import Lock

from lgi_daemon.claiming.fetcher import JobFetcher
from lgi_daemon.jobs.job import LocalJob
from lgi_daemon.jobs.worker_pool import KeyedWorkerPool
from lgi_daemon.loop.exchange_outcome import ExchangeOutcome
from lgi_daemon.loop.exchanger import Exchanger
from lgi_daemon.loop.outgoing_exchange import OutgoingExchange
from lgi_daemon.loop.report_pause import ReportPause
from lgi_daemon.servers.connections import BackingOffError
from lgi_daemon.servers.exchange_servers import Announcement
from lgi_protocol.errors import ServerError, TransportError
from lgi_protocol.exchange import GivenJob
from lgi_protocol.resource_api import ResourceCalls

log = logging.getLogger(__name__)

# In one task; then what is due is found out again.
MAX_ROUNDS = 16
# Exchanges that are refused as a whole before they are sent in parts.
MOST_REFUSALS = 2
# Jobs whose files are checked, and whose certificates are renewed, with one exchange.
MOST_MAINTAINED = 50


class ExchangeRounds:
    """Makes the exchanges of workers, one at a time with each project and server."""

    def __init__(
        self,
        exchanger: Exchanger,
        fetcher: JobFetcher,
        server_workers: KeyedWorkerPool,
        pause: ReportPause | None = None,
    ) -> None:
        """Make exchanges in ``server_workers``, perhaps with a ``pause`` between reports."""
        self.exchanger = exchanger
        self._fetcher = fetcher
        self._servers = fetcher.servers
        self._announced = fetcher.sessions.exchange_servers
        self._server_workers = server_workers
        self._pause = pause
        self._guard = Lock()
        # Where an application had no room in the last exchange: another is made when a job is gone.
        self._full: set[tuple[str, str]] = set()
        # How many exchanges in a row were refused as a whole, by project and server.
        self._refusals: Counter[tuple[str, str]] = Counter()
        # Called after an exchange with project, server, and the applications for which there still is room,
        # each with a filter of owners.
        self.on_capacity: Callable[[str, str, Mapping[str, str]], None] = lambda _project, _server, _room: (
            None
        )
        # Returns whether an exchange that a server holds asks for all that one of a cycle would ask for.
        self.replaces_cycle: Callable[[str, str], bool] = lambda _project, _server: False

    def start(self, project: str, server: str) -> bool:
        """Make an exchange with a server if it takes any, soon; return whether it does."""
        if self._announced.announcement(project, server) is None:
            return False
        self._server_workers.submit(("exchange", project, server), partial(self._work, project, server))
        return True

    def before_end(self, job: LocalJob) -> None:
        """Ask whether the machine takes jobs while the epilogue of one runs: its report asks for another."""
        project, reference = job.record.project, job.record.reference
        if self._announced.announcement(project, job.record.server) is not None:
            task = partial(self.exchanger.vacancies.ask_scripts, project, leaving={reference})
            self._server_workers.submit(("limits", project), task)

    def slot_freed(self) -> None:
        """Make exchanges where there was no room, since a job is gone now."""
        with self._guard:
            full, self._full = self._full, set()
        for project, server in full:
            if self._announced.announcement(project, server) is not None and self._servers.open(server):
                task = partial(self._work, project, server, seeks_jobs=True)
                if not self._server_workers.submit(("exchange", project, server), task):
                    self.record_capacity(project, server, is_full=True)

    def record_capacity(self, project: str, server: str, *, is_full: bool) -> None:
        """Record whether an application had no room in an exchange."""
        with self._guard:
            if is_full:
                self._full.add((project, server))
            else:
                self._full.discard((project, server))

    def _work(self, project: str, server: str, *, seeks_jobs: bool = False) -> None:
        if self._pause and not seeks_jobs:
            self._pause.wait(project, server)
        self.run(project, server, seeks_jobs=seeks_jobs)

    def run(self, project: str, server: str, *, seeks_jobs: bool = False, is_cycle: bool = False) -> bool:
        """Make exchanges while there is something to exchange; return False when the server is not reached.

        With ``seeks_jobs`` or in a cycle one is made in any case; a cycle also sends changed capabilities.
        """
        try:
            if not (is_cycle and self._is_replaced(project, server)):
                self._run(project, server, seeks_jobs or is_cycle, is_cycle)
        except BackingOffError as reason:
            log.debug("%s", reason)
            return False
        except ServerError as error:
            log.warning("%s refuses an exchange for project %s: %s", server, project, error)
            self._refused(project, server, error)
        except TransportError as error:
            log.debug("%s: exchange failed: %s", server, error.reason)
            self.failed(project, server)
            return False
        except OSError as error:
            log.critical("cannot write to disk: %s; no exchange with %s", error, server)
        return True

    def failed(self, project: str, server: str) -> None:
        """Record that a server does not answer: it may be another one when it is back."""
        self._announced.doubt(project, server)
        self.exchanger.exchange_jobs.unreachable(self.exchanger.jobs_of(project, server))

    def _refused(self, project: str, server: str, error: ServerError) -> None:
        """Wait before the next exchange, as after a failed report; a busy server has said how long."""
        self._announced.doubt(project, server)
        if not error.back_off:
            self._refusals[project, server] += 1
            self.exchanger.exchange_jobs.postpone(self.exchanger.jobs_of(project, server))

    def _run(self, project: str, server: str, seeks_jobs: bool, is_cycle: bool) -> None:
        for _round in range(MAX_ROUNDS):
            announcement = self.current(project, server)
            if announcement is None:
                return
            if seeks_jobs:
                self.exchanger.vacancies.ask_scripts(project)
            outgoing, has_more = self._exchange(announcement, seeks_jobs=seeks_jobs, is_cycle=is_cycle)
            # Reports did not wait for scripts, which must be asked before the room they have made is used.
            seeks_jobs = has_more or (outgoing.has_reports and outgoing.vacancies.unasked)
            is_cycle = False
            # With a pause, what has ended meanwhile is reported after it.
            has_ended = outgoing.has_reports and self._pause is None
            if not (seeks_jobs or has_ended or self.exchanger.has_new_returns(outgoing, announcement)):
                return

    def _is_replaced(self, project: str, server: str) -> bool:
        """Return whether a held exchange asks for all jobs, and no capability has changed."""
        announcement = self._announced.announcement(project, server)
        if announcement is None or announcement.doubtful or not self.replaces_cycle(project, server):
            return False
        self.exchanger.vacancies.ask_scripts(project)
        return not self._changed_capabilities(announcement)

    def current(self, project: str, server: str) -> Announcement | None:
        """Return what a server has announced, after a sign-up if there was none or a call has failed since.

        None when it takes no exchanges. Errors are those of a sign-up.
        """
        known = self._announced.announcement(project, server)
        is_known = self._announced.is_known(project, server)
        if not is_known or (known is not None and known.doubtful):
            with self._servers.tracking(server), self._fetcher.sessions.pool() as sessions:
                sessions.session(project, server)
            known = self._announced.announcement(project, server)
            if known is None and is_known:
                log.info("%s takes no exchanges any more for project %s", server, project)
        return known

    def _exchange(
        self, announcement: Announcement, *, seeks_jobs: bool, is_cycle: bool
    ) -> tuple[OutgoingExchange, bool]:
        """Make one exchange if there is a reason; return it, and whether another may bring more jobs."""
        exchanger = self.exchanger
        project, server = announcement.project, announcement.server
        jobs = exchanger.jobs_of(project, server)
        exchanger.exchange_jobs.settle(jobs)
        polled = exchanger.exchange_jobs.polls_due(jobs)
        capabilities = self._changed_capabilities(announcement) if is_cycle else ""
        with ExitStack() as until_end, self._servers.tracking(server):
            calls = self._servers.connect(project, server)
            outgoing = exchanger.make_up(announcement, calls, until_end)
            has_reports = outgoing.has_reports
            if not (has_reports or polled or is_cycle or (seeks_jobs and outgoing.references)):
                return OutgoingExchange(), False
            outcome = self._send(outgoing, calls, announcement, capabilities)
        if self._pause and has_reports:
            self._pause.begin(project, server)
        self._after(project, server, outgoing, polled, outcome.jobs)
        return outgoing, outcome.has_more

    def _send(
        self, outgoing: OutgoingExchange, calls: ResourceCalls, announcement: Announcement, capabilities: str
    ) -> ExchangeOutcome:
        """Send an exchange and apply the answer.

        After two that were refused it is sent in parts: what the server cannot take delays nothing else.
        """
        place = announcement.project, announcement.server
        if self._refusals[place] < MOST_REFUSALS:
            outcome = self._make(outgoing, calls, announcement, capabilities)
        else:
            outcome = self._send_parts(outgoing, calls, announcement)
        if outgoing.has_reports and not outcome.is_refused:
            # One without reports, while they are postponed, says nothing of them.
            del self._refusals[place]
        return outcome

    def _make(
        self,
        outgoing: OutgoingExchange,
        calls: ResourceCalls,
        announcement: Announcement,
        capabilities: str = "",
    ) -> ExchangeOutcome:
        answer = self.exchanger.send(outgoing, calls, capabilities=capabilities)
        if capabilities:
            self._announced.sent_capabilities(announcement.project, announcement.server, capabilities)
        has_more = self.exchanger.apply(outgoing, answer, announcement)
        return ExchangeOutcome(has_more, jobs=answer.jobs)

    def _send_parts(
        self, outgoing: OutgoingExchange, calls: ResourceCalls, announcement: Announcement
    ) -> ExchangeOutcome:
        """Send an exchange in smaller and smaller parts; what is refused by itself is sent later."""
        outcome = ExchangeOutcome()
        for part in outgoing.parts():
            try:
                outcome += self._make(part, calls, announcement)
            except ServerError as error:
                if error.back_off:
                    raise
                if len(part.parts()) > 1:
                    outcome += self._send_parts(part, calls, announcement)
                else:
                    self._postpone(part, announcement, error)
                    outcome += ExchangeOutcome(is_refused=True)
        return outcome

    def _postpone(self, part: OutgoingExchange, announcement: Announcement, error: ServerError) -> None:
        jobs = [*(one.job for one in part.reported), *(one.job for one in part.held)]
        titles = ", ".join(job.title for job in jobs) or f"what project {announcement.project} wants"
        log.warning("%s: %s refuses it: %s", titles, announcement.server, error)
        self.exchanger.exchange_jobs.postpone(jobs)

    def _after(
        self,
        project: str,
        server: str,
        outgoing: OutgoingExchange,
        polled: list[LocalJob],
        given: Sequence[GivenJob],
    ) -> None:
        calls = self._servers.connect(project, server)
        self.exchanger.exchange_jobs.maintain(polled[:MOST_MAINTAINED], calls)
        self.record_capacity(project, server, is_full=outgoing.vacancies.full)
        self.on_capacity(project, server, outgoing.vacancies.left_by(given))

    def _changed_capabilities(self, announcement: Announcement) -> str:
        """Return the capabilities of the resource if the server has others."""
        settings = self.exchanger.vacancies.settings(announcement.project)
        if settings is None or self._fetcher.stopping():
            return ""
        capabilities = self._fetcher.capability_reporter.capabilities(settings)
        return "" if capabilities == announcement.capabilities else capabilities
