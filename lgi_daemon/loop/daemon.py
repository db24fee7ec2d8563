"""The resource daemon: runs the work cycle and the job cycle.

One thread ticks: it decides what is due, keeps the job table and never waits for a script or a server.
Workers do what is due, at the same time, by the rules of `jobs.job_table`; without workers a tick does it.
"""

import logging
import time
from collections.abc import Callable
from functools import partial

from lgi_daemon.claiming.capabilities import CapabilityReporter
from lgi_daemon.claiming.fetcher import JobFetcher
from lgi_daemon.claiming.system_limits import SystemLimits
from lgi_daemon.claiming.vacancies import VacancyFinder
from lgi_daemon.config.model import Configuration
from lgi_daemon.execution.scripts import Scripts, ScriptTimeouts
from lgi_daemon.files.disk_space import DiskSpace
from lgi_daemon.jobs.attach_sessions import AttachSessions
from lgi_daemon.jobs.circuit_breaker import CircuitBreaker
from lgi_daemon.jobs.disk_watch import DiskWatch
from lgi_daemon.jobs.error_isolation import ErrorIsolation
from lgi_daemon.jobs.exchange_jobs import ExchangeJobs
from lgi_daemon.jobs.job import LocalJob
from lgi_daemon.jobs.job_table import JobTable
from lgi_daemon.jobs.local_check import LocalCheck
from lgi_daemon.jobs.memory_watch import MemoryWatch
from lgi_daemon.jobs.output_sender import OutputSender
from lgi_daemon.jobs.server_sync import ServerSync
from lgi_daemon.jobs.worker_pool import KeyedWorkerPool
from lgi_daemon.loop.exchange_rounds import ExchangeRounds
from lgi_daemon.loop.exchanger import Exchanger
from lgi_daemon.loop.held_exchanges import HeldExchanges
from lgi_daemon.loop.lifetime import Lifetime, LifetimeLimit
from lgi_daemon.loop.long_poll import DELAY, LongPolls
from lgi_daemon.loop.lost_answers import LostAnswers
from lgi_daemon.loop.report_pause import ReportPause
from lgi_daemon.loop.work_cycle import WorkCycle
from lgi_daemon.rundir import daemon_number
from lgi_daemon.rundir.recovery import recover
from lgi_daemon.rundir.run_directory import RunDirectory
from lgi_daemon.servers.certificate_reload import CertificateReloader
from lgi_daemon.servers.clock import Clock
from lgi_daemon.servers.connections import Connect, ServerConnections, connector
from lgi_daemon.servers.sessions import SessionRegistry
from lgi_protocol.credentials import Credentials

log = logging.getLogger(__name__)

# They wait for answers most of the time, and there are rarely more servers.
MAX_SERVER_WORKERS = 64
# Servers that take exchanges are signed up at this rarely, for the names of the other servers.
SIGN_UP_SECONDS = 600.0
# What workers do makes more due: check, report, removal.
_ROUNDS = 10


class Daemon:
    """One daemon on one run directory, which must have been claimed for it."""

    def __init__(
        self,
        configuration: Configuration,
        run: RunDirectory,
        *,
        fast: float = 120.0,
        slow: float = 600.0,
        connect: Callable[[Credentials], Connect] = connector,
        at_once: int = 0,
        lifetime: Lifetime | None = None,
        timeouts: ScriptTimeouts | None = None,
        long_poll_delay: float = DELAY,
    ) -> None:
        """Take the cycles ``fast`` and ``slow`` in seconds, and ``connect``, which makes the calls.

        At most ``at_once`` jobs are checked at the same time; with 0 there are no workers.
        ``long_poll_delay`` is in seconds.
        """
        self.run = run
        self.clock = Clock()
        self._is_stopping: Callable[[], bool] = lambda: False
        self._connect = connect
        self._report_pause = ReportPause() if at_once else None
        self._script_workers = KeyedWorkerPool(at_once)
        self._server_workers = KeyedWorkerPool(MAX_SERVER_WORKERS if at_once else 0)
        self.scripts = Scripts(self.stopping, timeouts)
        self.servers = ServerConnections(connect(configuration.credentials), self.clock)
        self.sessions = SessionRegistry(self.servers, run.sessions, daemon_number.make(run.path))
        self.certificates = CertificateReloader(configuration.credentials, self.servers)
        self.circuit_breaker = CircuitBreaker(self.clock)
        self.lifetime_limit = LifetimeLimit(lifetime or Lifetime())
        disk = DiskSpace(run.path, run.reserve)
        self.jobs = self._job_table(ErrorIsolation(self.clock, disk), fast)
        self.memory_watch = MemoryWatch(self.jobs, self.clock)
        self._disk_workers = KeyedWorkerPool(min(at_once, 1))
        self.disk_watch = DiskWatch(self.jobs, self.clock, self._disk_workers, self.stopping)
        system_limits = SystemLimits(
            self.scripts, run.path, run.programs, lambda: self.fetcher.configuration.load_limit
        )
        self.fetcher = JobFetcher(
            configuration,
            self.jobs,
            run,
            sessions=self.sessions,
            scripts=self.scripts,
            circuit_breaker=self.circuit_breaker,
            stopping=self.draining,
            capability_reporter=CapabilityReporter(self.scripts, run.path, self.clock, system_limits),
            system_limits=system_limits,
        )
        self.work_cycle = WorkCycle(
            self.clock, self.fetcher, fast=fast, slow=slow, server_workers=self._server_workers, disk=disk
        )
        self.fetcher.claimer.reservations.time_left = self.lifetime_limit.time_left
        self.output_sender = OutputSender(self.servers, self.jobs, self.stopping, threaded=at_once > 0)
        self.attach_sessions = AttachSessions(
            self.servers, self.jobs, lambda: self.fetcher.configuration.attach and not self.stopping()
        )
        self._exchange_by(ErrorIsolation(self.clock, disk), system_limits, disk, slow)
        self.long_polls = LongPolls(
            self.servers,
            fetcher=self.fetcher,
            work_cycle=self.work_cycle,
            jobs=self.jobs,
            output_sender=self.output_sender,
            fast=fast,
            delay=long_poll_delay,
            held_exchanges=self.held_exchanges,
        )
        if at_once:
            self.fetcher.on_sign_up = self.long_polls.signed_up

    def _exchange_by(
        self, isolation: ErrorIsolation, system_limits: SystemLimits, disk: DiskSpace, slow: float
    ) -> None:
        """Make exchanges with the servers that take them."""
        fetcher = self.fetcher
        self.vacancy_finder = VacancyFinder(self.jobs, fetcher.claimer, system_limits, self.circuit_breaker)
        exchanger = Exchanger(
            fetcher,
            self.jobs,
            self.run,
            exchange_jobs=ExchangeJobs(self.servers, isolation),
            vacancy_finder=self.vacancy_finder,
            output_sender=self.output_sender,
            attach_sessions=self.attach_sessions,
            disk=disk,
        )
        self.exchanges = ExchangeRounds(exchanger, fetcher, self._server_workers, self._report_pause)
        self.held_exchanges = HeldExchanges(exchanger, self.exchanges, self.servers, time.monotonic)
        held, references = self.held_exchanges, self.run.references
        self.lost_answers = LostAnswers(held, fetcher, references, self._server_workers)
        self.exchanges.on_capacity = held.require
        self.exchanges.replaces_cycle = held.replaces_cycle
        self.jobs.exchange_by(self.exchanges.start, self.exchanges.before_end)
        fetcher.exchange = partial(self.exchanges.run, is_cycle=True)
        fetcher.sign_up_seconds = max(slow, SIGN_UP_SECONDS)

    def _job_table(self, isolation: ErrorIsolation, fast: float) -> JobTable:
        return JobTable(
            fast=fast,
            local_check=LocalCheck(self.clock, self.circuit_breaker, isolation, self.stopping),
            server_sync=ServerSync(self.clock, self.sessions, isolation, self.stopping),
            script_workers=self._script_workers,
            server_workers=self._server_workers,
        )

    @property
    def configuration(self) -> Configuration:
        """The configuration in force."""
        return self.fetcher.configuration

    def recover(self) -> None:
        """Add the jobs that are on disk to the job table."""
        for record in recover(self.run):
            self.jobs.add(LocalJob(record, self.run, self.scripts))
            log.info("%s: recovered, %s", record.title, record.phase)
        # A server that was restored would give the ended jobs of these references out again.
        ended = self.run.ended.references()
        self.run.references.recover({*ended, *(job.record.reference for job in self.jobs)})

    def set_callbacks(self, is_stopping: Callable[[], bool], wake: Callable[[], None] = lambda: None) -> None:
        """Begin nothing new once ``is_stopping`` returns True; jobs then run on without the daemon.

        ``wake`` is called when something was done that a tick may follow up.
        """
        self._is_stopping = is_stopping
        self._script_workers.wake = self._server_workers.wake = self.long_polls.wake = wake
        self.held_exchanges.wake = self.jobs.wake = wake

    def stopping(self) -> bool:
        """Return whether the daemon is about to end."""
        return self._is_stopping()

    def draining(self) -> bool:
        """Return whether no more jobs are taken."""
        return self.stopping() or bool(self.lifetime_limit.drain_reason)

    def exit_reason(self) -> str:
        """Return why the daemon ends by itself now; empty while there are jobs, or may be in a moment."""
        may_get_jobs = self._server_workers.busy or self.held_exchanges.busy or self.lost_answers.pending
        return "" if len(self.jobs) or may_get_jobs else self.lifetime_limit.drain_reason

    @property
    def busy(self) -> bool:
        """Whether a task of any worker is pending or running."""
        return self._server_workers.busy or self._script_workers.busy

    def reconfigure(self, configuration: Configuration) -> None:
        """Use another configuration from the next tick on, which runs both cycles.

        Raise ValueError when it names another run directory: the jobs are in this one.
        """
        if configuration.run_directory != self.run.path:
            raise ValueError(
                f"run_directory cannot change from {self.run.path} to {configuration.run_directory} while "
                "the daemon runs: stop it and start it again"
            )
        self.fetcher.configuration = configuration
        self.servers.connect = self._connect(configuration.credentials)
        self.certificates.watch(configuration.credentials)
        self.circuit_breaker.reset()
        self.fetcher.claimer.rejected_jobs.clear()
        self.vacancy_finder.forget_answers()
        self.held_exchanges.renew()
        self.work_cycle.due_at = 0.0
        self.jobs.recheck_all()

    def tick(self, now: float) -> None:
        """Dispatch what is due at ``now``, in seconds of a clock that never goes back."""
        self.clock.now = now
        self.lifetime_limit.tick(now, has_jobs=len(self.jobs) > 0)
        self.certificates.tick(now)
        self.scripts.reap()
        self.memory_watch.tick()
        self.disk_watch.tick()
        if self.draining():
            self.held_exchanges.close()
        self.held_exchanges.tick()
        self.lost_answers.tick()
        self.work_cycle.run_due()
        for _round in range(_ROUNDS):
            worked = self._server_workers.run_inline()
            if not self.stopping() and self.jobs.dispatch_due():
                self.work_cycle.slot_freed()
                self.exchanges.slot_freed()
                self.held_exchanges.slot_freed()
            worked |= self._server_workers.run_inline() | self._script_workers.run_inline()
            if not worked:
                break

    def tick_safely(self, now: float) -> None:
        """Tick, and log an internal error instead of ending by it."""
        try:
            self.tick(now)
        except Exception:
            log.critical("internal error (please report); the daemon continues", exc_info=True)

    def close(self) -> None:
        """Return when all calls and scripts under way have ended; jobs run on without the daemon."""
        self.held_exchanges.close()
        self.attach_sessions.close()
        self._server_workers.close()
        self._script_workers.close()
        self._disk_workers.close()
