"""A resource for tests: a run directory, scripts that keep a journal, and daemons on invented time."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from lgi_daemon.config.model import ApplicationSettings, Configuration, ProjectSettings
from lgi_daemon.config.rules import LimitRules
from lgi_daemon.execution.bounds import JobBounds
from lgi_daemon.execution.rlimits import ResourceLimits
from lgi_daemon.execution.sandbox import UIDS
from lgi_daemon.execution.scripts import ScriptTimeouts
from lgi_daemon.jobs.job import LocalJob
from lgi_daemon.loop.daemon import Daemon
from lgi_daemon.loop.lifetime import Lifetime
from lgi_daemon.loop.long_poll import DELAY
from lgi_daemon.rundir.run_directory import RunDirectory
from lgi_protocol.credentials import Credentials
from lgi_protocol.job_directory import SCRIPTS
from lgi_protocol.resource_api import ResourceCalls
from tests.support.fake_server import URL, FakeCalls, FakeServer

FAST, SLOW = 120.0, 600.0
# Marks in the job's directory steer the scripts: is_running, is_finished, and fail_X for script X.
_BODIES = {
    "job_check_limits_script": "",
    "job_check_running_script": "[ -e is_running ]",
    "job_check_finished_script": "[ -e is_finished ]",
    "job_prologue_script": "",
    "job_run_script": ": > is_running",
    "job_epilogue_script": "",
    "job_abort_script": "rm -f is_running",
}
_QUIET = ("job_check_running_script", "job_check_finished_script")


@dataclass
class Workshop:
    """One resource under test. ``now`` moves only when a test says so."""

    place: Path
    as_root: bool
    servers: dict[str, FakeServer] = field(default_factory=dict)
    now: float = 1000.0
    rules: LimitRules = field(default_factory=lambda: LimitRules({"any": 10}, (), 10))
    max_output_size: int = 4096
    limits: ResourceLimits = field(default_factory=ResourceLimits)
    bounds: JobBounds = field(default_factory=JobBounds)
    uids: range = UIDS
    # Workers of its daemons; with none a tick does everything itself.
    at_once: int = 0
    lifetime: Lifetime = field(default_factory=Lifetime)
    timeouts: ScriptTimeouts = field(default_factory=ScriptTimeouts)
    long_poll_delay: float = DELAY
    load_limit: int = 0
    gpus: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self.run_path = self.place / "run"
        self.run_path.mkdir()
        self.run_path.chmod(0o755)
        self.journal = self.place / "journal"
        self.journal.touch()
        self.journal.chmod(0o666)
        self.originals = self.place / "scripts"
        self.originals.mkdir()
        self.servers.setdefault(URL, FakeServer())
        for name, body in _BODIES.items():
            self.write_script(name, body)
        self.write_script("check_system_limits_script", "")

    @property
    def server(self) -> FakeServer:
        """The master."""
        return self.servers[URL]

    def write_script(self, name: str, body: str) -> None:
        """Give a script another body; it notes its call first unless it is asked all the time."""
        noted = "" if name in _QUIET else f"echo {name} >> {self.journal}\n"
        script = self.originals / name
        script.write_text(f"#!/bin/sh\n{noted}[ ! -e fail_{name} ] || exit 1\n{body}\n")
        script.chmod(0o755)

    @property
    def configuration(self) -> Configuration:
        """As it would be read from a file; no certificate is needed by the fake."""
        missing = self.place / "none"
        scripts = {name: self.originals / name for name in SCRIPTS}
        check = self.originals / "check_system_limits_script"
        application = ApplicationSettings(
            "hello_world",
            self.rules,
            self.max_output_size,
            0,
            check,
            scripts,
            "nothing",
            self.limits,
            self.bounds,
        )
        project = ProjectSettings("LGI", URL, self.rules, (application,))
        credentials = Credentials(missing / "key", missing / "crt", missing / "ca")
        return Configuration(
            missing / "LGI.cfg",
            credentials,
            self.run_path,
            replace(self.rules, gpus=len(self.gpus)),
            (project,),
            self.uids,
            self.load_limit,
            self.gpus,
        )

    def run_directory(self) -> RunDirectory:
        """The run directory, claimed."""
        run = RunDirectory(self.run_path, self.as_root)
        run.claim()
        return run

    def connect(self, project: str, server: str) -> ResourceCalls:
        """The calls of one session; a server that is not there cannot be reached."""
        if server not in self.servers:
            dead = FakeServer(server)
            dead.fail("sign_up", times=99)
            self.servers[server] = dead
        return FakeCalls(self.servers[server], project)

    def daemon(self) -> Daemon:
        """A daemon that has recovered what is on disk."""
        daemon = Daemon(
            self.configuration,
            self.run_directory(),
            fast=FAST,
            slow=SLOW,
            connect=lambda _credentials: self.connect,
            at_once=self.at_once,
            lifetime=self.lifetime,
            timeouts=self.timeouts,
            long_poll_delay=self.long_poll_delay,
        )
        daemon.recover()
        return daemon

    def restart(self, daemon: Daemon) -> Daemon:
        """The daemon after kill -9 and a new start."""
        daemon.run.lock.release()
        return self.daemon()

    def tick(self, daemon: Daemon, seconds: float = 0.0) -> None:
        """Let time pass, then one tick."""
        self.now += seconds
        daemon.tick(self.now)

    def marked(self, job: LocalJob, *marks: str) -> None:
        """Leave exactly these steering marks in the job's directory, once its run script has left its own."""
        until(lambda: not job.is_alive())
        directory = job.run.files(job.record).path
        for mark in ("is_running", "is_finished", "fail_job_epilogue_script", "fail_job_abort_script"):
            (directory / mark).unlink(missing_ok=True)
        for mark in marks:
            (directory / mark).touch()

    def acts(self) -> list[str]:
        """What the scripts noted, without their job_ and _script."""
        lines = self.journal.read_text().split()
        return [line.removeprefix("job_").removesuffix("_script") for line in lines]

    def tree(self) -> list[str]:
        """The job directories that exist."""
        return sorted(path.name for path in self.run_path.glob("*/*/JOB_*"))


def only(daemon: Daemon) -> LocalJob:
    """The one job a daemon has."""
    (job,) = daemon.jobs
    return job


def until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    """Wait for something that happens in another process."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"it did not happen within {seconds:g} s"
        time.sleep(0.02)
