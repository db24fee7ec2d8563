"""What a short job may start, and how often it may wait for the disk and the network."""

import os
import shutil

import pytest

from benchmarks import job_cost
from benchmarks.system_calls import PROGRAM
from tests.conftest import lacking

pytestmark = pytest.mark.slow
JOBS = 12


@pytest.mark.parametrize("is_root", [True, False])
def test_a_job_of_command_starts_two_programs_and_no_more(is_root: bool) -> None:
    """The run script and the job; its limits script, its epilogue, taskset and ln are not started.

    There is room for the check_system_limits script, which is asked every ten seconds and not for each job.
    """
    if not shutil.which(PROGRAM):
        lacking(f"{PROGRAM} is not installed")
    if is_root and os.geteuid() != 0:
        pytest.skip("it needs root")

    daemon, _server = job_cost.count("command", is_root, JOBS)

    assert daemon.execs < 4, daemon
    assert daemon.forks < 4, daemon
    assert daemon.syncs <= 12, daemon


def test_a_job_of_command_makes_no_request_for_its_files() -> None:
    """Its streams come with its report, and it has no other files; reports and new jobs share exchanges."""
    used, _rate = job_cost.measure("command", False, JOBS)

    assert used.repository == 0.0, used
    assert used.requests <= 2.5, used
