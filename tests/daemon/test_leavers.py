"""Processes that leave the session of their job are killed with it, under any user."""

import os
from pathlib import Path

import pytest

from lgi_daemon.execution.process_table import ProcessTable
from lgi_daemon.jobs.job import LocalJob
from lgi_daemon.loop.daemon import Daemon
from tests.support.workshop import FAST, Workshop, only, until

from .conftest import IS_ROOT

# Leaves session and process group, and its parents end: init takes it.
LEAVE = "(setsid sh -c 'sleep 300 & echo $! > left' > /dev/null 2>&1 &)"
UIDS = ["own", "shared"] if IS_ROOT else ["own"]


def left(job: LocalJob) -> int:
    """The process that has left."""
    path = job.run.files(job.record).path / "left"
    until(lambda: path.exists() and path.read_text().strip() != "")
    return int(path.read_text())


def is_alive(pid: int) -> bool:
    """Whether a process runs."""
    table = ProcessTable()
    table.read()
    return pid in table.processes


def leaving(workshop: Workshop, uid: str) -> tuple[LocalJob, int]:
    """A running job and the processes that have left its session; under root with its own or a shared uid."""
    workshop.write_script("job_run_script", f"{LEAVE}\n: > is_running")
    workshop.server.submit("1")
    daemon = workshop.daemon()
    workshop.tick(daemon)
    job = only(daemon)
    if uid == "shared":
        job.save(own_uid=False)
    return job, left(job)


@pytest.mark.parametrize("uid", UIDS)
@pytest.mark.parametrize("end", ["finished", "aborted", "removed"])
def test_a_process_that_left_the_session_ends_with_its_job(workshop: Workshop, uid: str, end: str) -> None:
    """It could change the results while they are stored, and stay for ever."""
    job, pid = leaving(workshop, uid)
    assert is_alive(pid)

    if end == "removed":
        job.remove()
    else:
        workshop.marked(job, "is_finished" if end == "finished" else "is_running")
        if end == "aborted":
            workshop.server.change("1", state="aborting")
        daemon = daemon_of(workshop, job)
        workshop.tick(daemon, FAST)

    until(lambda: not is_alive(pid))


def daemon_of(workshop: Workshop, job: LocalJob) -> Daemon:
    """Another daemon on the same jobs: whose a process is does not depend on who began it."""
    job.run.lock.release()
    return workshop.daemon()


def test_another_jobs_processes_are_left_alone(workshop: Workshop) -> None:
    """Each carries the reference of its own job."""
    workshop.write_script("job_run_script", f"{LEAVE}\n: > is_running")
    workshop.server.submit("1")
    workshop.server.submit("2")
    daemon = workshop.daemon()
    workshop.tick(daemon)
    first, second = daemon.jobs
    gone, kept = left(first), left(second)

    first.remove()

    until(lambda: not is_alive(gone))
    assert is_alive(kept)
    second.remove()


def test_the_daemon_and_its_scripts_survive_the_end_of_a_job(workshop: Workshop) -> None:
    """The epilogue carries the reference too."""
    job, _pid = leaving(workshop, "own")
    workshop.write_script("job_epilogue_script", "sleep 0.3; echo stored > LGI_output")
    workshop.marked(job, "is_finished")

    workshop.tick(daemon_of(workshop, job), FAST)

    assert workshop.server.jobs["1"].state == "finished"
    assert Path(f"/proc/{os.getpid()}").exists()
