"""`command` within the limits of its resource: the user of a job that exceeds one gets the reason."""

import os
import sys
from collections.abc import Iterator

import pytest

from tests.acceptance.conftest import signed_up
from tests.support.grid import Grid, wait_for

from .test_whole_jobs import CommandDaemon, output, submitted

pytestmark = pytest.mark.slow

PYTHON = os.path.realpath(sys.executable)


class BoundedDaemon(CommandDaemon):
    """A daemon whose jobs may use little."""

    def tags(self) -> str:
        return "<job_max_memory> 100 </job_max_memory> <job_max_disk> 5 </job_max_disk> "


@pytest.fixture
def bounded(grid: Grid) -> Iterator[BoundedDaemon]:
    """It runs and has signed up."""
    with signed_up(BoundedDaemon(grid, "process")) as made:
        yield made


def test_a_command_that_takes_too_much_memory_is_killed_and_its_user_told(
    grid: Grid, bounded: BoundedDaemon
) -> None:
    """It has asked for none, so that its script sets no limit; the reason stands in each place once."""
    user = grid.user()
    hold = f'{PYTHON} -ISc "held = bytearray(200 << 20); import time; time.sleep(60)"'

    job_id = submitted(user, f"echo begin; {hold}")
    wait_for(lambda: user.state(job_id) == "finished")

    told = output(user, job_id)
    assert told.startswith("begin\n")
    assert told.endswith("[LGI: exit code 137: it used more than 100 MB]\n")
    assert told.count("it used more than 100 MB") == 1
    (row,) = grid.rows("SELECT exit_signal, end_reason FROM job_queue WHERE job_id = %s", job_id)
    assert row == {"exit_signal": 9, "end_reason": "it used more than 100 MB"}
    wait_for(lambda: bounded.jobs() == [])


def test_a_command_that_stores_too_much_is_killed_and_its_user_told(
    grid: Grid, bounded: BoundedDaemon
) -> None:
    """Its files go with it."""
    user = grid.user()

    job_id = submitted(user, "echo begin; head -c 20000000 /dev/zero > big; sleep 60")
    wait_for(lambda: user.state(job_id) == "finished")

    told = output(user, job_id)
    assert told.startswith("begin\n")
    assert told.count("it stored more than 5 MB") == 1
    (row,) = grid.rows("SELECT end_reason FROM job_queue WHERE job_id = %s", job_id)
    assert row["end_reason"] == "it stored more than 5 MB"
    wait_for(lambda: bounded.jobs() == [])
