"""The resource daemon: paces the work cycle and the job cycle. Time is told to it."""

import logging
from collections.abc import Callable

from lgi_daemon.configuration import Configuration
from lgi_daemon.job import Job
from lgi_daemon.jobs import Jobs
from lgi_daemon.recovery import recover
from lgi_daemon.run_directory import RunDirectory
from lgi_daemon.scripts import Scripts
from lgi_daemon.servers import Connect, Servers, connector
from lgi_daemon.work import Work
from lgi_protocol.credentials import Credentials

log = logging.getLogger(__name__)


class Daemon:
    """One daemon on one run directory, which must have been claimed for it."""

    def __init__(
        self,
        configuration: Configuration,
        run: RunDirectory,
        fast: float = 120.0,
        slow: float = 600.0,
        connect: Callable[[Credentials], Connect] = connector,
    ) -> None:
        """``fast`` and ``slow`` are in seconds; ``connect`` makes the calls, real ones or a test's."""
        self.run = run
        self.fast = fast
        self.slow = slow
        self._stopped: Callable[[], bool] = lambda: False
        self._connect = connect
        self._work_at = 0.0
        self.scripts = Scripts()
        self.servers = Servers(connect(configuration.credentials))
        self.jobs = Jobs(self.servers, fast, self.stopping)
        self.work = Work(configuration, run, self.jobs, self.servers, self.scripts, self.stopping)

    @property
    def configuration(self) -> Configuration:
        """What is in force now."""
        return self.work.configuration

    def recover(self) -> None:
        """Take up the jobs that are on disk."""
        for record in recover(self.run):
            self.jobs.add(Job(record, self.run, self.scripts))
            log.info("%s: looked after again, %s", record.title, record.phase)

    def watch(self, stopped: Callable[[], bool]) -> None:
        """Ask this between calls; when it says so nothing new is begun, and jobs go on without us."""
        self._stopped = stopped

    def stopping(self) -> bool:
        """Whether the daemon is to end."""
        return self._stopped()

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
        self._work_at = 0.0
        for job in self.jobs:
            job.poll_at = job.look_at = 0.0

    def tick(self, now: float) -> None:
        """Do what is due; ``now`` is in seconds of a clock that never goes back."""
        self.scripts.reap()
        if now >= self._work_at:
            # Noted first: what goes wrong there must not come again before the jobs had their turn.
            self._work_at = now + self.slow
            if self.work.cycle(now):
                self._work_at = now + self.fast
        ended = self.jobs.cycle(now)
        if ended:
            # A place is free: jobs known to wait for one are asked for at once, others as by LGI.
            self._work_at = now if self.work.left_some else min(self._work_at, now + self.fast)

    def beat(self, now: float) -> None:
        """A tick that a mistake of ours cannot end: its traceback is logged, and the next one comes."""
        try:
            self.tick(now)
        except Exception:
            log.critical("a mistake in the daemon, please report it; it goes on", exc_info=True)
