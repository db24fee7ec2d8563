"""LGI_pilot on a real SLURM: jobs that wait get daemons, and a daemon that is killed loses no job."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from lgi_protocol import hexcode
from lgi_server.services.scheduling import reaper
from tests.acceptance.conftest import RESOURCE, DaemonProcess
from tests.support.grid import BIN, Grid, wait_for

from .slurm import Slurm

pytestmark = pytest.mark.slow


class Pilots:
    """LGI_pilot, and a daemon that is not started, for the configuration of its pilots."""

    def __init__(self, daemon: DaemonProcess, slurm: Slurm, tags: str = "") -> None:
        self.daemon = daemon
        self.directory = daemon.directory
        self.slurm = slurm
        self.temporary = self.directory / "tmp"
        for name in ("pilots", "tmp"):
            (self.directory / name).mkdir(mode=0o755)
        # First the Python of this installation, which jobs of other users can run.
        python = Path(os.path.realpath(sys.executable)).parent
        self.path = f"{python}:{slurm.environment['PATH']}"
        (self.directory / "LGI_pilot.cfg").write_text(
            "<LGI><pilots> <daemon_configuration> LGI.cfg </daemon_configuration>"
            "<pilot_directory> ./pilots </pilot_directory> <batch_system> slurm </batch_system>"
            "<submit_options> --time=10 </submit_options> <daemon_options> -ft 1 -st 2 </daemon_options>"
            "<waiting_maximum> 1 </waiting_maximum> <pilot_limit> 1 </pilot_limit>"
            f"<idle_limit> 3 </idle_limit> {tags} </pilots></LGI>"
        )

    def call(self, *options: str) -> str:
        """What LGI_pilot prints."""
        done = subprocess.run(
            [BIN / "LGI_pilot", *options, self.directory / "LGI_pilot.cfg"],
            env={**os.environ, **self.slurm.environment, "PATH": self.path, "TMPDIR": str(self.temporary)},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr + done.stdout
        return done.stdout

    def update(self) -> dict[str, Any]:
        """Make one update."""
        status: dict[str, Any] = json.loads(self.call("--once", "--json"))
        return status

    def update_without_pause(self) -> dict[str, Any]:
        """Make an update as if no pilot had failed."""
        (self.directory / "pilots" / "failures.json").unlink(missing_ok=True)
        return self.update()


@contextmanager
def submitting(daemon: DaemonProcess, slurm: Slurm, tags: str = "") -> Iterator[Pilots]:
    """LGI_pilot for a resource that the project knows, and that has no other daemon."""
    daemon.grid.resource(RESOURCE, "").sign_off()
    try:
        yield Pilots(daemon, slurm, tags)
    finally:
        slurm.call("scancel", "--full", f"--user={os.getuid()}")
        wait_for(lambda: slurm.call("squeue", "-h", "-t", "R,PD,CG", "-o", "%i").split() == [])
        daemon.remove()


@pytest.fixture
def pilots(grid: Grid, running_slurm: Slurm) -> Iterator[Pilots]:
    """Pilots for hello_world."""
    with submitting(DaemonProcess(grid), running_slurm) as made:
        yield made


def test_a_pilot_runs_the_job_that_waits_and_ends(grid: Grid, pilots: Pilots) -> None:
    """No job, no pilot; one job, one pilot, which ends when it has been idle."""
    before = pilots.update()
    user = grid.user()
    job_id = user.submit(application="hello_world", input=hexcode.encode(b"me"))
    checked = pilots.call("--check")
    begun = pilots.update()

    wait_for(lambda: user.state(job_id) == "finished")
    wait_for(lambda: pilots.update()["pilots"] == [])

    assert (before["submitted"], before["reason"]) == (0, "no job waits")
    assert "an update would submit 1 pilots" in checked
    assert (begun["jobs_waiting"], begun["submitted"]) == (1, 1)
    assert (pilots.directory / "pilots" / "failures.json").exists() is False


def test_a_pilot_that_the_batch_system_kills_loses_no_job(grid: Grid, pilots: Pilots) -> None:
    """Its job is neither finished nor failed: the server queues it again once nobody asks after it."""
    user = grid.user()
    pilots.update()
    job_id = user.submit(application="hello_world", job_specifics="<seconds> 9000 </seconds>")
    (pilot,) = pilots.update()["pilots"]
    wait_for(lambda: user.state(job_id) == "running")

    pilots.slurm.call("scancel", "--full", "--signal=KILL", pilot["batch_id"])
    wait_for(lambda: pilots.slurm.call("squeue", "-h", "-t", "R,PD,CG", "-o", "%i").split() == [])
    lost = user.state(job_id)

    def is_queued() -> bool:
        # Again when the last heartbeat, which is stored up to a second later, came after it.
        grid.run("UPDATE job_queue SET daemon_pulse = 1")
        reaper.requeue_lost_jobs(grid.database, grid.config.scheduler, int(time.time()))
        return user.state(job_id) == "queued"

    wait_for(is_queued)
    wait_for(lambda: pilots.update_without_pause()["submitted"] == 1)
    wait_for(lambda: user.state(job_id) == "running")

    assert lost == "running"
