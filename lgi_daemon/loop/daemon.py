"""The resource daemon: paces the work cycle and the job cycle. Time is told to it.

One thread ticks: it decides what is due, keeps the list of jobs and never waits for a script or a server.
Workers do what is due, side by side: `jobs` says by which rules, `crew` how. With no workers a tick does all
of it itself.
"""

import logging
from collections.abc import Callable

from lgi_daemon.claiming.capabilities import CapabilityReporter
from lgi_daemon.claiming.fetcher import JobFetcher
from lgi_daemon.config.model import Configuration
from lgi_daemon.execution.scripts import Scripts
from lgi_daemon.files.disk_space import Disk
from lgi_daemon.jobs.circuit_breaker import CircuitBreaker
from lgi_daemon.jobs.error_isolation import ErrorIsolation
from lgi_daemon.jobs.job import LocalJob
from lgi_daemon.jobs.job_table import JobTable
from lgi_daemon.jobs.local_check import LocalCheck
from lgi_daemon.jobs.memory_watch import MemoryWatch
from lgi_daemon.jobs.output_sender import OutputSender
from lgi_daemon.jobs.server_sync import ServerSync
from lgi_daemon.jobs.worker_pool import KeyedWorkerPool
from lgi_daemon.loop.lifetime import Lifetime, LifetimeLimit
from lgi_daemon.loop.long_poll import LongPollCalls
from lgi_daemon.loop.work_cycle import WorkCycle
from lgi_daemon.rundir.recovery import recover
from lgi_daemon.rundir.run_directory import RunDirectory
from lgi_daemon.servers.certificate_reload import Certificates
from lgi_daemon.servers.clock import Clock
from lgi_daemon.servers.connections import Connect, ServerConnections, connector
from lgi_protocol.credentials import Credentials

log = logging.getLogger(__name__)

# They wait for answers most of the time, and there are seldom more servers.
MOST_CALLERS = 64
# What workers do leads to more that is due: look, report, removal.
_ROUNDS = 10


class Daemon:
    """One daemon on one run directory, which must have been claimed for it."""

    def __init__(
        self,
        configuration: Configuration,
        run: RunDirectory,
        fast: float = 120.0,
        slow: float = 600.0,
        connect: Callable[[Credentials], Connect] = connector,
        at_once: int = 0,
        lifetime: Lifetime | None = None,
    ) -> None:
        """``fast`` and ``slow`` are in seconds; ``connect`` makes the calls, real ones or a test's.

        ``at_once`` is how many jobs are looked after side by side; with 0 there are no workers.
        """
        self.run = run
        self.clock = Clock()
        self._stopped: Callable[[], bool] = lambda: False
        self._connect = connect
        self._lookers = KeyedWorkerPool(at_once)
        self._callers = KeyedWorkerPool(MOST_CALLERS if at_once else 0)
        self.scripts = Scripts(self.stopping)
        self.servers = ServerConnections(connect(configuration.credentials), self.clock)
        self.certificates = Certificates(configuration.credentials, self.servers)
        self.health = CircuitBreaker(self.clock)
        self.age = LifetimeLimit(lifetime or Lifetime())
        disk = Disk(run.path, run.reserve)
        trouble = ErrorIsolation(self.clock, disk, fast)
        looks = LocalCheck(self.clock, fast, self.health, trouble, self.stopping)
        errands = ServerSync(self.clock, fast, self.servers, trouble, self.stopping)
        self.jobs = JobTable(looks, errands, self._lookers, self._callers)
        self.memory = MemoryWatch(self.jobs, self.clock)
        announcement = CapabilityReporter(self.scripts, run.path, self.clock)
        self.work = JobFetcher(
            configuration,
            self.jobs,
            run,
            self.servers,
            self.scripts,
            self.health,
            self.closed,
            announcement,
        )
        self.tour = WorkCycle(self.clock, fast, slow, self.work, self._callers, disk)
        self.tails = OutputSender(self.servers, self.jobs, self.stopping, threaded=at_once > 0)
        self.watches = LongPollCalls(self.servers, self.work, self.tour, self.jobs, self.tails, fast)
        if at_once:
            self.work.heard = self.watches.heard

    @property
    def configuration(self) -> Configuration:
        """What is in force now."""
        return self.work.configuration

    def recover(self) -> None:
        """Take up the jobs that are on disk."""
        for record in recover(self.run):
            self.jobs.add(LocalJob(record, self.run, self.scripts))
            log.info("%s: looked after again, %s", record.title, record.phase)

    def watch(self, stopped: Callable[[], bool], wake: Callable[[], None] = lambda: None) -> None:
        """Ask ``stopped`` between calls: when it says so nothing new is begun, and jobs go on without us.

        ``wake`` is called when something was done that a tick may follow up.
        """
        self._stopped = stopped
        self._lookers.wake = self._callers.wake = self.watches.wake = wake

    def stopping(self) -> bool:
        """Whether the daemon is to end."""
        return self._stopped()

    def closed(self) -> bool:
        """Whether no more jobs are to be taken."""
        return self.stopping() or bool(self.age.closed)

    def over(self) -> str:
        """Why the daemon may end by itself now; empty while there are jobs, or may be in a moment."""
        return "" if len(self.jobs) or self._callers.busy else self.age.closed

    @property
    def busy(self) -> bool:
        """Whether a worker does something or is about to."""
        return self._callers.busy or self._lookers.busy

    def reconfigure(self, configuration: Configuration) -> None:
        """Use another configuration from the next tick on, which runs both cycles.

        ValueError when it names another run directory: the jobs are in this one.
        """
        if configuration.run_directory != self.run.path:
            raise ValueError(
                f"run_directory cannot change from {self.run.path} to {configuration.run_directory} while "
                "the daemon runs: stop it and start it again"
            )
        self.work.configuration = configuration
        self.servers.connect = self._connect(configuration.credentials)
        self.certificates.use(configuration.credentials)
        self.health.forget()
        self.work.refusals.forget()
        self.tour.due_at = 0.0
        self.jobs.look_again()

    def tick(self, now: float) -> None:
        """Hand out what is due; ``now`` is in seconds of a clock that never goes back."""
        self.clock.now = now
        self.age.tick(now, has_jobs=len(self.jobs) > 0)
        self.certificates.tick(now)
        self.scripts.reap()
        self.memory.tick()
        self.tour.hand_out()
        for _round in range(_ROUNDS):
            worked = self._callers.work_off()
            if not self.stopping() and self.jobs.hand_out():
                self.tour.place_is_free()
            worked |= self._callers.work_off() | self._lookers.work_off()
            if not worked:
                break

    def beat(self, now: float) -> None:
        """A tick that a mistake of ours cannot end: its traceback is logged, and the next one comes."""
        try:
            self.tick(now)
        except Exception:
            log.critical("a mistake in the daemon, please report it; it goes on", exc_info=True)

    def end(self) -> None:
        """Return when every call and script under way has ended; jobs go on without us."""
        self._callers.end()
        self._lookers.end()
