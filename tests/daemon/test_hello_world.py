"""The hello_world scripts, run by a real /bin/sh."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.workshop import until

pytestmark = pytest.mark.slow

SCRIPTS = Path(__file__).parents[2] / "applications" / "hello_world"


@pytest.fixture
def job(tmp_path: Path) -> Path:
    """A job's directory with what the scripts read."""
    (tmp_path / "LGI_target_resources").write_text("cluster@test")
    (tmp_path / "LGI_input").write_bytes(b"some $(input) `here`")
    (tmp_path / "LGI_job_specifics").write_text("<daemon_reference> A </daemon_reference>")
    (tmp_path / "LGI_output").touch()
    return tmp_path


def status(job: Path, name: str) -> int:
    """The exit status of a script in the job's directory."""
    return subprocess.run([SCRIPTS / name], cwd=job, check=False).returncode


@pytest.fixture
def started(job: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A run script that takes five minutes, past its first mark."""
    (job / "LGI_job_specifics").write_text("<a> 1 </a>\n<seconds>\n 300 </seconds>")
    child = subprocess.Popen([SCRIPTS / "job_run_script"], cwd=job, start_new_session=True)
    until(lambda: (job / "running").exists())
    yield child
    if child.poll() is None:
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def test_hello_world_says_who_ran_it_and_with_what(job: Path) -> None:
    """The documented sentence, after a second, the input untouched."""
    (job / "bin").mkdir()
    (job / "bin" / "sleep").write_text('#!/bin/sh\necho "$@" >> slept\n')
    (job / "bin" / "sleep").chmod(0o755)
    path = f"{job / 'bin'}:{os.environ['PATH']}"

    subprocess.run([SCRIPTS / "job_run_script"], cwd=job, env={"PATH": path}, check=True)

    assert (job / "slept").read_text() == "1\n"
    assert (job / "LGI_output").read_bytes() == (
        b"Hello_World from cluster@test submitted with input: some $(input) `here`"
    )
    assert sorted(path.name for path in job.glob("[!L]*")) == ["bin", "finished", "slept"]


def test_a_job_that_has_not_begun_neither_runs_nor_is_finished(job: Path) -> None:
    """Without marks both checks say no, and the daemon starts it."""
    assert status(job, "job_check_running_script") == 1
    assert status(job, "job_check_finished_script") == 1


@pytest.mark.usefixtures("started")
def test_a_running_job_runs(job: Path) -> None:
    """The mark names a living process."""
    assert status(job, "job_check_running_script") == 0
    assert status(job, "job_check_finished_script") == 1


def test_a_finished_job_is_finished(job: Path) -> None:
    """The mark "finished" without the mark "running"."""
    status(job, "job_run_script")

    assert status(job, "job_check_running_script") == 1
    assert status(job, "job_check_finished_script") == 0


def test_a_killed_job_neither_runs_nor_is_finished(job: Path, started: "subprocess.Popen[bytes]") -> None:
    """A zombie does not run either. LGI's scripts took it for running for ever under dash."""
    os.killpg(started.pid, signal.SIGKILL)

    until(lambda: status(job, "job_check_running_script") == 1)
    assert status(job, "job_check_finished_script") == 1


def test_a_recycled_number_is_not_taken_for_the_job(job: Path) -> None:
    """The same pid with another start is a stranger: it is neither the job, nor killed by an abort."""
    with subprocess.Popen(["sleep", "300"]) as stranger:
        (job / "running").write_text(f"{stranger.pid} 1\n")

        running = status(job, "job_check_running_script")
        aborted = status(job, "job_abort_script")

        assert (running, aborted) == (1, 0)
        assert stranger.poll() is None
        stranger.kill()


def test_an_abort_ends_the_job_and_its_children(job: Path, started: "subprocess.Popen[bytes]") -> None:
    """The exit status 0 means that all processes have ended."""
    assert status(job, "job_abort_script") == 0

    assert started.wait(60) == -signal.SIGTERM
    members = subprocess.run(
        ["ps", "-o", "stat=", "-s", str(started.pid)], capture_output=True, text=True, check=False
    )
    assert [line for line in members.stdout.split() if not line.startswith("Z")] == []
    assert status(job, "job_check_finished_script") == 0


def test_an_abort_of_a_job_that_never_ran_succeeds(job: Path) -> None:
    """There is nothing to end."""
    assert status(job, "job_abort_script") == 0


@pytest.mark.parametrize(
    "specifics",
    [
        "<seconds> $(touch hacked) </seconds>",
        "<seconds> 1; touch hacked </seconds>",
        "<seconds> -1 </seconds>",
    ],
)
def test_requests_that_are_no_number_are_ignored(job: Path, specifics: str) -> None:
    """Text of a user is never run."""
    (job / "LGI_job_specifics").write_text(specifics)

    status(job, "job_run_script")

    assert (job / "finished").exists()
    assert not (job / "hacked").exists()


def test_a_mark_that_is_no_number_is_ignored(job: Path) -> None:
    """The job can write anything there."""
    (job / "running").write_text("-1 $(touch hacked)\n")

    assert status(job, "job_check_running_script") == 1
    assert status(job, "job_abort_script") == 0
    assert not (job / "hacked").exists()


@pytest.mark.parametrize(
    "name",
    ["check_system_limits_script", "job_check_limits_script", "job_prologue_script", "job_epilogue_script"],
)
def test_the_other_scripts_always_agree(job: Path, name: str) -> None:
    """hello_world has no limits and nothing to stage."""
    assert status(job, name) == 0


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_the_scripts_are_right_for_bash_as_well(job: Path) -> None:
    """/bin/sh is dash here and bash there."""
    subprocess.run(["bash", "--posix", SCRIPTS / "job_run_script"], cwd=job, check=True)
    checked = subprocess.run(["bash", "--posix", SCRIPTS / "job_check_running_script"], cwd=job, check=False)

    assert (job / "LGI_output").read_bytes().startswith(b"Hello_World from cluster@test submitted")
    assert checked.returncode == 1
