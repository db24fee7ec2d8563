"""LGI_daemon --drain: needed before a change to another daemon, which cannot take over jobs."""

import subprocess
from pathlib import Path

import pytest

from tests.acceptance.conftest import DaemonProcess
from tests.support.grid import BIN, Grid, wait_for

pytestmark = pytest.mark.slow

PAGE = Path(__file__).parents[2] / "docs" / "resource_owner_guide.md"


def test_a_daemon_drains_its_run_directory(grid: Grid, daemon: DaemonProcess) -> None:
    """As in the guide: SIGTERM leaves the jobs; --drain reports them, claims no new one, and exits with 0."""
    user = grid.user()
    running = user.submit(input=b"hi".hex(), job_specifics="<seconds> 4 </seconds>")
    wait_for(lambda: user.state(running) == "running")
    assert daemon.stop() == 0
    waiting = user.submit(input=b"ho".hex())

    drained = subprocess.run(
        [BIN / "LGI_daemon", "--drain", "-ft", "1", "-st", "2", daemon.configuration],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )

    assert drained.returncode == 0, drained.stdout + drained.stderr
    assert "all remaining jobs have ended" in drained.stdout
    assert daemon.jobs() == []
    assert (user.state(running), user.state(waiting)) == ("finished", "queued")


def test_the_page_about_drains_has_the_command() -> None:
    """The resource owner guide shows a complete command with the option."""
    assert "LGI_daemon --drain -l LGI.log laptop/LGI.cfg" in PAGE.read_text()
