"""LGI: a project server, a daemon of the user who runs the benchmark, and `applications/command`."""

import os
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import ExitStack

from benchmarks import filling
from benchmarks.job_cost import CountedDaemon
from benchmarks.peers.system import JOB, System, first_line, until
from benchmarks.testbed import database_of
from lgi_tools.certificates import user_directory
from lgi_tools.client.job_request import JobRequest
from lgi_tools.client.project import Project
from tests.acceptance.conftest import signed_up
from tests.support import mariadb
from tests.support.grid import BIN, PROJECT, Grid

USER = "mark@laptop"
APPLICATION = "command"
# The defaults of the daemon (-ft, -st), in seconds.
CYCLES = (120, 600)
UNFINISHED = "SELECT COUNT(*) AS n FROM job_queue WHERE state <> 'finished' AND application = 'command'"
# Seconds between two looks, each of which costs the database some time.
LOOK = 0.05
FAILED = "SELECT COUNT(*) AS n FROM job_queue WHERE exit_code IS NULL OR exit_code <> 0"


class Lgi(System):
    """A server with its default settings; the jobs are submitted by the Python library."""

    database = "sqlite"

    def __init__(self) -> None:
        super().__init__()
        self._stack = ExitStack()

    @staticmethod
    def version() -> str:
        """Return the version of the SQLite that Python has."""
        return f"SQLite {sqlite3.sqlite_version}"

    def start(self, slots: int) -> None:
        """Start database, server and daemon."""
        address, _process = self._stack.enter_context(database_of(self.database))
        self.grid = Grid(address)
        self._stack.callback(self.grid.remove)
        self.grid.start()
        self.grid.clear()
        daemon = CountedDaemon(self.grid, APPLICATION, os.geteuid() == 0, slots=slots)
        daemon.seconds = CYCLES
        self.daemon = self._stack.enter_context(signed_up(daemon))
        issued, ca = self.grid.people.user(USER, ("theor",)), self.grid.people.authority.ca_file
        user_directory.write(
            self.directory / ".LGI",
            issued,
            ca,
            user=USER,
            groups=("theor",),
            server=self.grid.url,
            project=PROJECT,
        )
        self.project = self._stack.enter_context(
            Project(
                self.grid.url,
                PROJECT,
                user=USER,
                groups=["theor"],
                key=issued.key,
                certificate=issued.certificate,
                ca=ca,
            )
        )
        # The first call connects, and asks the server for its version.
        self.project.resources()

    def environment(self) -> Mapping[str, str]:
        """Return the home of the user."""
        return {"HOME": str(self.directory)}

    def submit(self) -> None:
        """Make one call on a kept connection."""
        self.project.submit(APPLICATION, input=JOB)

    def submit_many(self, jobs: int) -> None:
        """Make a call for as many as the server takes at once."""
        outcomes = self.project.submit_many(JobRequest(APPLICATION, input=JOB) for _ in range(jobs))
        if any(outcome.error for outcome in outcomes) or len(outcomes) != jobs:
            raise AssertionError(f"not all of {jobs} jobs were submitted")

    def wait(self) -> None:
        """Ask the database: a user would be told of each job by `LGI_wait`."""
        until(lambda: self.grid.rows(UNFINISHED)[0]["n"] == 0, LOOK)
        if self.grid.rows(FAILED)[0]["n"] or "hello" not in self._last_output():
            raise AssertionError(f"a job has failed: {self._last_output()}")

    def _last_output(self) -> str:
        last = self.grid.rows("SELECT MAX(job_id) AS n FROM job_queue")[0]["n"]
        return self.project.result(int(str(last))).text

    def settle(self) -> None:
        """Wait until the daemon has removed its jobs."""
        until(lambda: not self.daemon.jobs())

    def once(self) -> None:
        """Submit, and wait for the result on the same connection."""
        result = self.project.result(self.project.submit(APPLICATION, input="true"))
        if not result.ok:
            raise AssertionError(result.reason)

    def run_command(self) -> Sequence[str]:
        """Return the command of a user."""
        return [str(BIN / "LGI_run"), "--wait", "--", "true"]

    def submit_command(self) -> Sequence[str]:
        """Return the command without waiting."""
        return [str(BIN / "LGI_run"), "--", "echo", "hello"]

    def hold(self, jobs: int) -> None:
        """Queue jobs of an application that the daemon does not offer."""
        filling.fill(self.grid, jobs, USER, share=1)

    def list_command(self) -> Sequence[str]:
        """Return the command of a user, with only what waits."""
        return [str(BIN / "LGI_qstat")]

    def stop(self) -> None:
        """End daemon, server and database."""
        self._stack.close()
        super().stop()


class LgiMariaDB(Lgi):
    """The same on a MariaDB, which flushes each commit to disk."""

    database = "mariadb"

    @staticmethod
    def version() -> str:
        """Return the version of the server."""
        return first_line("mariadbd", "--version")

    @staticmethod
    def missing() -> str:
        """Return the programs of MariaDB that are missing."""
        return mariadb.missing()
