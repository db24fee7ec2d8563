"""A daemon that is killed with SIGKILL gets back what it had, and no more."""

import pytest

from tests.acceptance.conftest import ScriptedDaemon
from tests.support.grid import Grid, wait_for

pytestmark = pytest.mark.slow


def running(grid: Grid) -> list[str]:
    """The jobs that the daemon has, with their references."""
    rows = grid.rows("SELECT job_id, daemon_reference FROM job_queue WHERE state = 'running' ORDER BY job_id")
    return [f"{row['job_id']} {row['daemon_reference']}" for row in rows]


def test_a_killed_daemon_keeps_the_jobs_that_it_was_considering(grid: Grid, scripted: ScriptedDaemon) -> None:
    """It has no more jobs than slots, none locked; its next start runs them once the script answers."""
    scripted.stop()
    silence = scripted.directory / "silence"
    silence.touch()
    scripted.write_script("job_check_limits_script", f"while [ -e {silence} ]; do sleep 0.1; done")
    user = grid.user()
    jobs = [user.submit(job_specifics="<seconds> 600 </seconds>") for _ in range(12)]
    scripted.start()
    wait_for(lambda: len(scripted.jobs()) == 4)
    before = running(grid)

    scripted.kill()
    silence.unlink()
    scripted.start()
    wait_for(lambda: sum((job / "running").exists() for job in scripted.jobs()) == 4)

    assert [user.state(job) for job in jobs] == ["running"] * 4 + ["queued"] * 8
    assert running(grid) == before
    assert grid.rows("SELECT job_id FROM running_locks") == []
