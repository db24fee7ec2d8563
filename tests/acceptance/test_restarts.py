"""A restart of the server in the first seconds of a wait: the command still gets the end of the job."""

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lgi_protocol.resource_api import ResourceCalls
from tests.support.grid import BIN, Grid, running, wait_for
from tests.support.mariadb import PrivateMariaDB

from .test_commands import home  # noqa: F401 - a fixture

pytestmark = pytest.mark.slow


@pytest.fixture(params=["sqlite", "mariadb"])
def grid(request: pytest.FixtureRequest) -> Iterator[Grid]:
    """A server of our own that may be restarted, on each kind of database."""
    address = "sqlite:LGI.sqlite"
    if request.param == "mariadb":
        server: PrivateMariaDB = request.getfixturevalue("private_mariadb")
        address = server.create_database("restarted")
    with running(Grid(address)) as made:
        yield made


def waiting(home: Path, *words: str) -> subprocess.Popen[str]:  # noqa: F811
    """A command that waits."""
    return subprocess.Popen(
        [BIN / words[0], *words[1:]],
        cwd=home,
        env={"HOME": str(home), "PATH": os.environ["PATH"]},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def end(resource: ResourceCalls, job_id: str) -> None:
    """The resource runs a job to its end."""
    (job,) = [job for job in resource.request_work("command", 0, 10).jobs if job.job_id == job_id]
    resource.update(job.job_id, state="running")
    resource.update(job.job_id, state="finished", output=b"done\n[LGI: exit code 0]\n", exit_code=5)
    resource.unlock(job.job_id)


def test_a_restart_in_the_first_seconds_ends_no_wait(grid: Grid, home: Path) -> None:  # noqa: F811
    """LGI_run --wait, LGI_wait and LGI_tail -f hold their first call when the server goes."""
    grid.resource("res1@cluster", "<command> </command>")
    with waiting(home, "LGI_run", "--wait", "true") as run:
        assert run.stderr is not None
        job_id = run.stderr.readline().removeprefix("LGI_run: job ").strip()
        with waiting(home, "LGI_wait", job_id) as wait, waiting(home, "LGI_tail", "-f", job_id) as tail:
            # Their first calls are answered and the next ones held.
            time.sleep(4)
            assert (run.poll(), wait.poll(), tail.poll()) == (None, None, None)
            grid.stop()
            time.sleep(2)
            grid.start()
            end(grid.resource("res1@cluster", "<command> </command>"), job_id)
            for each in (run, wait, tail):
                wait_for(lambda each=each: each.poll() is not None)
            told = [(each.returncode, *each.communicate()) for each in (run, wait, tail)]

    assert told[0] == (5, "done\n", "")
    assert told[1] == (5, f"{job_id} finished, exit code 5\n", "")
    assert told[2] == (0, "done\n", f"LGI_tail: job {job_id} finished, exit code 5\n")
