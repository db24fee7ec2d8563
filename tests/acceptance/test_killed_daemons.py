"""The locks of a daemon that is killed with SIGKILL are released: those of offered jobs and of reports."""

import pytest

from tests.acceptance.conftest import ScriptedDaemon
from tests.support.grid import Grid, wait_for

pytestmark = pytest.mark.slow


def locked(grid: Grid) -> int:
    """How many jobs are locked."""
    return len(grid.rows("SELECT job_id FROM running_locks"))


def test_a_killed_daemon_is_given_the_jobs_again_that_it_was_considering(
    grid: Grid, scripted: ScriptedDaemon
) -> None:
    """It had locked no more jobs than it has slots; its next start, a second later, unlocks them."""
    scripted.stop()
    scripted.write_script("job_check_limits_script", "exec sleep 60")
    user = grid.user()
    jobs = [user.submit(job_specifics="<seconds> 60 </seconds>") for _ in range(12)]
    scripted.start()
    wait_for(lambda: locked(grid) > 0)
    most = locked(grid)

    scripted.kill()
    left = locked(grid)
    scripted.write_script("job_check_limits_script", "exit 0")
    scripted.start()
    wait_for(lambda: [user.state(job) for job in jobs[:4]] == ["running"] * 4)

    assert (most, left) == (4, 4)
    wait_for(lambda: locked(grid) == 0)
