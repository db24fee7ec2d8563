"""A resource that the administrator drains: its daemon finishes its jobs and gets no new ones."""

import subprocess
import time
from pathlib import Path

import pytest

from tests.acceptance.conftest import RESOURCE, DaemonProcess
from tests.support.grid import BIN, Grid, wait_for
from tests.support.manage_db import manage

pytestmark = pytest.mark.slow


def tool(grid: Grid, tmp_path: Path, *words: str) -> str:
    """What a command of a user says."""
    issued = grid.people.user("mark@laptop")
    options = [
        "-S",
        grid.url,
        "-U",
        "mark@laptop",
        "-G",
        "mark@laptop",
        "-K",
        issued.key,
        "-C",
        issued.certificate,
    ]
    command = [BIN / words[0], *options, "-CA", grid.people.authority.ca_file, "-P", "LGI", *words[1:]]
    done = subprocess.run(
        list(map(str, command)), capture_output=True, text=True, timeout=60, cwd=tmp_path, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_drained_resource_finishes_its_job_and_gets_the_next_one_when_it_is_resumed(
    grid: Grid, daemon: DaemonProcess, tmp_path: Path
) -> None:
    """The daemon needs not be told, nor started again; users see why their jobs wait."""
    user = grid.user()
    first = user.submit(input=b"hi".hex(), job_specifics="<seconds> 4 </seconds>")
    wait_for(lambda: user.state(first) == "running")

    drained = manage(grid, "drain", "resource", RESOURCE, "--reason", "new disks")
    second = user.submit(input=b"ho".hex())
    wait_for(lambda: user.state(first) == "finished" and daemon.jobs() == [])
    time.sleep(5)  # Several cycles of the daemon.
    states = user.state(second), daemon.jobs()
    explained = tool(grid, tmp_path, "LGI_explain", str(second))
    listed = tool(grid, tmp_path, "LGI_qstat", "-L")
    status = subprocess.run(
        [BIN / "LGI_server", "status", grid.config_file],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    manage(grid, "resume", "resource", RESOURCE)

    assert drained.returncode == 0, drained.stderr
    assert states == ("queued", [])
    assert f"  {RESOURCE}: is drained since " in explained
    assert ": new disks" in explained
    assert "the resources that could take it are drained: they get no new jobs" in explained
    assert "Resource drained" in listed
    assert "new disks" in listed
    assert f"  {RESOURCE} is drained, since " in status.stdout
    wait_for(lambda: user.state(second) == "finished")
