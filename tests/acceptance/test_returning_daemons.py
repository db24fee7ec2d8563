"""Changes at the server while a daemon is busy or unreachable: each job runs once, or not at all."""

import pytest

from tests.acceptance.conftest import ScriptedDaemon
from tests.support.grid import Grid, UserCalls, wait_for

pytestmark = pytest.mark.slow


def runs(user: UserCalls, job_id: int) -> bool:
    """Whether the server has a job as running."""
    return user.state(job_id) == "running"


@pytest.mark.parametrize("seconds", [(1, 2), (120, 600)], ids=["short cycles", "the cycles of LGI"])
def test_a_job_aborted_during_its_prologue_is_never_started(
    grid: Grid, scripted: ScriptedDaemon, seconds: tuple[int, int]
) -> None:
    """It is reported as aborted once the prologue has ended, whatever the cycles are."""
    scripted.stop()
    scripted.seconds = seconds
    go = scripted.directory / "go"
    scripted.write_script("job_prologue_script", f"until [ -e {go} ]; do sleep 0.1; done")
    scripted.start()
    user = grid.user()
    job_id = user.submit(job_specifics="<seconds> 60 </seconds>")
    wait_for(lambda: runs(user, job_id))

    user.delete(job_id)
    wait_for(lambda: "the server answers that it is aborting" in scripted.log.read_text())
    go.touch()
    wait_for(lambda: user.state(job_id) == "aborted")

    assert ": started, pid" not in scripted.log.read_text()
    wait_for(lambda: scripted.jobs() == [])


def test_a_job_that_was_queued_again_while_its_daemon_was_away_runs_once(
    grid: Grid, scripted: ScriptedDaemon
) -> None:
    """The copy that lives is taken back, and its result is the job's."""
    user = grid.user()
    job_id = user.submit(input=b"hi".hex(), job_specifics="<seconds> 600 </seconds>")
    wait_for(scripted.sleeping)
    (directory,) = scripted.jobs()

    scripted.kill()
    grid.set_job(job_id, state="queued", target_resources="any", state_time_stamp=1_000_000_000)
    grid.run("UPDATE job_access SET name = 'any' WHERE job_id = %s AND role = 'target'", job_id)
    scripted.start()
    wait_for(lambda: runs(user, job_id))
    back = scripted.jobs()
    scripted.wake()
    wait_for(lambda: user.state(job_id) == "finished")

    output = bytes.fromhex(user.post("interface_job_state", job_id=str(job_id)).value("job", "output"))
    assert back == [directory]
    assert output.endswith(b"submitted with input: hi")
    assert scripted.log.read_text().count(": started, pid") == 1
