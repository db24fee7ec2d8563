"""One job, end to end, on both kinds of database."""

import time

import pytest

from tests.acceptance.conftest import RESOURCE, DaemonProcess
from tests.support.grid import Grid, UserCalls, wait_for

pytestmark = pytest.mark.slow


def output(user: UserCalls, job_id: int) -> bytes:
    """Return the output of a job."""
    return bytes.fromhex(user.post("interface_job_state", job_id=str(job_id)).value("job", "output"))


def submitted(user: UserCalls, seconds: int = 1) -> int:
    """Submit a hello_world job that takes some seconds; return its id."""
    return user.submit(input=b"hi".hex(), job_specifics=f"<seconds> {seconds} </seconds>")


def test_a_job_goes_from_queued_to_finished_with_its_output(grid: Grid, daemon: DaemonProcess) -> None:
    """Its states are queued, running, finished; its target is the resource; its directory is removed."""
    user = grid.user()
    seen = []

    job_id = submitted(user, 600)
    wait_for(lambda: seen.append(user.state(job_id)) or seen[-1] == "running")
    wait_for(daemon.sleeping)
    daemon.wake()
    wait_for(lambda: seen.append(user.state(job_id)) or seen[-1] == "finished")

    # It may run before its user has asked; the server has seen it queued all the same.
    assert list(dict.fromkeys(["queued", *seen])) == ["queued", "running", "finished"]
    assert f"given to '{RESOURCE}': jobs {job_id}" in grid.log.read_text()
    assert output(user, job_id) == f"Hello_World from {RESOURCE} submitted with input: hi".encode()
    wait_for(lambda: daemon.jobs() == [])


def test_a_running_job_is_aborted_and_its_processes_end(grid: Grid, daemon: DaemonProcess) -> None:
    """The daemon sees the state aborting, its script ends the job, and the server gets the state aborted."""
    user = grid.user()
    job_id = submitted(user, 600)
    wait_for(lambda: user.state(job_id) == "running")

    user.delete(job_id)
    wait_for(lambda: user.state(job_id) == "aborted")

    wait_for(lambda: daemon.jobs() == [])
    assert user.delete(job_id).value("job", "state") == "deleted"


def test_a_daemon_killed_in_the_middle_of_a_job_loses_nothing(grid: Grid, daemon: DaemonProcess) -> None:
    """kill -9 and a restart: the job finishes once, with its output, and was started once."""
    user = grid.user()
    job_id = submitted(user, 600)
    wait_for(daemon.sleeping)

    daemon.kill()
    daemon.start()
    wait_for(lambda: ": recovered, " in daemon.log.read_text())
    daemon.wake()
    wait_for(lambda: user.state(job_id) == "finished")

    assert output(user, job_id) == f"Hello_World from {RESOURCE} submitted with input: hi".encode()
    time.sleep(1.5)
    assert user.state(job_id) == "finished"
    started = [
        line for line in grid.log.read_text().splitlines() if f"given to '{RESOURCE}': jobs {job_id}" in line
    ]
    assert len(started) == 1


def test_a_daemon_that_comes_back_after_its_job_has_ended_reports_it(
    grid: Grid, daemon: DaemonProcess
) -> None:
    """The job continues without the daemon, and its output is not lost."""
    user = grid.user()
    job_id = submitted(user, 600)
    wait_for(daemon.sleeping)

    daemon.kill()
    daemon.wake()
    wait_for(lambda: all((job / "finished").exists() for job in daemon.jobs()))
    daemon.start()

    wait_for(lambda: user.state(job_id) == "finished")
    assert output(user, job_id).endswith(b"submitted with input: hi")


def test_a_server_that_restarts_during_a_job_loses_nothing(grid: Grid, daemon: DaemonProcess) -> None:
    """The daemon continues and reports the end when the server is back."""
    user = grid.user()
    job_id = submitted(user, 600)
    wait_for(daemon.sleeping)

    grid.stop()
    daemon.wake()
    wait_for(lambda: any((job / "finished").exists() for job in daemon.jobs()))
    time.sleep(3)
    grid.start()

    wait_for(lambda: grid.user().state(job_id) == "finished")
    assert output(grid.user(), job_id).endswith(b"submitted with input: hi")


def test_a_stopped_daemon_ends_at_once_and_leaves_its_jobs_running(grid: Grid, daemon: DaemonProcess) -> None:
    """After SIGTERM it signs off and exits with 0; the next daemon takes the job over."""
    user = grid.user()
    job_id = submitted(user, 600)
    wait_for(daemon.sleeping)

    begin = time.monotonic()
    code = daemon.stop()
    took = time.monotonic() - begin
    still_there = len(daemon.jobs()), len(daemon.sleeping())
    daemon.start()
    wait_for(lambda: ": recovered, " in daemon.log.read_text())
    daemon.wake()

    assert (code, still_there) == (0, (1, 1))
    assert took < 30
    wait_for(lambda: user.state(job_id) == "finished")


def test_several_jobs_run_side_by_side(grid: Grid, daemon: DaemonProcess) -> None:
    """Four jobs of two seconds each run at the same time, and each finishes once."""
    user = grid.user()
    jobs = [submitted(user, 2) for _ in range(4)]

    wait_for(lambda: all(user.state(job) == "finished" for job in jobs))

    texts = {output(user, job) for job in jobs}
    assert texts == {f"Hello_World from {RESOURCE} submitted with input: hi".encode()}
