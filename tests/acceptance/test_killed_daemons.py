"""What a daemon has claimed is given back after kill -9: locks of jobs and of results."""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.conftest import APPLICATION, DaemonProcess, signed_up
from tests.support.grid import Grid, wait_for

pytestmark = pytest.mark.slow


class ScriptedDaemon(DaemonProcess):
    """A daemon whose scripts a test may replace; it has room for four jobs."""

    def configure(self) -> None:
        self.scripts = self.directory / "application"
        shutil.copytree(APPLICATION, self.scripts)
        super().configure()
        text = self.configuration.read_text()
        self.configuration.write_text(text.replace(f"{APPLICATION}/", f"{self.scripts}/"))

    def write_script(self, name: str, body: str) -> Path:
        """Give a script another body, for jobs that are offered from now on."""
        script = self.scripts / name
        script.write_text(f"#!/bin/sh\n{body}\n")
        script.chmod(0o755)
        return script


@pytest.fixture
def daemon(grid: Grid) -> Iterator[ScriptedDaemon]:
    """A running daemon whose resource has signed up."""
    with signed_up(ScriptedDaemon(grid)) as made:
        yield made


def locked(grid: Grid) -> int:
    """How many jobs are locked."""
    return len(grid.rows("SELECT job_id FROM running_locks"))


def test_a_killed_daemon_is_given_the_jobs_again_that_it_was_considering(
    grid: Grid, daemon: ScriptedDaemon
) -> None:
    """It has locked no more than it has room for, and its next start, a second later, frees them."""
    daemon.stop()
    daemon.write_script("job_check_limits_script", "exec sleep 60")
    user = grid.user()
    jobs = [user.submit(job_specifics="<seconds> 60 </seconds>") for _ in range(12)]
    daemon.start()
    wait_for(lambda: locked(grid) > 0)
    most = locked(grid)

    daemon.kill()
    left = locked(grid)
    daemon.write_script("job_check_limits_script", "exit 0")
    began = time.monotonic()
    daemon.start()
    wait_for(lambda: [user.state(job) for job in jobs[:4]] == ["running"] * 4)

    assert (most, left) == (4, 4)
    assert time.monotonic() - began < 10
    wait_for(lambda: locked(grid) == 0)
