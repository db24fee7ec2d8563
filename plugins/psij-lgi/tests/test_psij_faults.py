"""What becomes of jobs of PSI/J when something is wrong with them, the server, a resource or the program."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from lgi_psij import LGIExecutorConfig
from psij import (
    InvalidJobException,
    Job,
    JobAttributes,
    JobExecutor,
    JobSpec,
    JobState,
    ResourceSpecV1,
    SubmitException,
)

from lgi_tools import Project, State
from tests.acceptance.conftest import DaemonProcess
from tests.support.grid import wait_for
from tests.support.ports import free_port

MINUTE = timedelta(seconds=60)
NASTY = "a'b\"; $(touch owned) `touch owned`\n*"


@pytest.fixture
def executor(user_project: Project) -> JobExecutor:
    """The executor, which asks often."""
    return JobExecutor.get_instance("lgi", config=LGIExecutorConfig(user_project, polling_interval=0.2))


def submitted(executor: JobExecutor, *words: str, **more: Any) -> Job:
    """Submit a job."""
    job = Job(JobSpec(executable=words[0], arguments=list(words[1:]), **more))
    executor.submit(job)
    return job


def test_words_names_and_variables_are_no_shell_code(executor: JobExecutor, user_project: Project) -> None:
    """They reach the program as they were given."""
    job = submitted(
        executor,
        "sh",
        "-c",
        'printf "%s|%s" "$1" "$X"; ls',
        "sh",
        NASTY,
        name=NASTY,
        environment={"X": NASTY},
    )

    assert job.wait(MINUTE).state == JobState.COMPLETED
    assert user_project.result(job.native_id).text.startswith(f"{NASTY}|{NASTY}")
    assert "owned" not in user_project.result(job.native_id).text.replace(NASTY, "")


def test_files_and_streams_are_in_the_directory_of_the_job(
    executor: JobExecutor, user_project: Project, tmp_path: Path
) -> None:
    """Also with names that a shell would take apart."""
    (tmp_path / "in put").write_text("hello")
    attributes = JobAttributes(custom_attributes={"lgi.files": [tmp_path / "in put"]})
    job = submitted(executor, "cat", stdin_path="in put", stdout_path="out'put", attributes=attributes)

    assert job.wait(MINUTE).state == JobState.COMPLETED
    assert user_project.files(job.native_id).read("out'put") == b"hello"


def custom(name: str, value: object) -> JobAttributes:
    """Attributes of our own."""
    return JobAttributes(custom_attributes={name: value})


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({}, "no executable"),
        ({"executable": "a\0b"}, "null character"),
        ({"executable": "a", "environment": {"A;B": "1"}}, "'A;B'"),
        ({"executable": "a", "launcher": "x y"}, "no launcher 'x y'"),
        ({"executable": "a", "resources": ResourceSpecV1(node_count=2)}, "one node, not 2"),
        ({"executable": "a", "attributes": JobAttributes(account="x")}, "no account"),
        ({"executable": "a", "attributes": JobAttributes(duration=timedelta(0))}, "the duration"),
        (
            {"executable": "a", "attributes": JobAttributes(custom_attributes={"lgi.f": []})},
            "lgi.f is unknown",
        ),
        (
            {"executable": "a", "attributes": JobAttributes(custom_attributes={"lgi.files": "b"})},
            "give a list",
        ),
        ({"executable": "a", "attributes": custom("lgi.files", ["/0"])}, "'/0'"),
    ],
)
def test_a_specification_that_lgi_cannot_follow_is_refused(
    executor: JobExecutor, spec: dict[str, Any], message: str
) -> None:
    """The error names what is wrong, and the job stays new."""
    job = Job(JobSpec(**spec))

    with pytest.raises(InvalidJobException) as refused:
        executor.submit(job)

    assert message in refused.value.message
    assert job.status.state == JobState.NEW


def test_jobs_that_fail_say_how(executor: JobExecutor) -> None:
    """With the exit code, and the reason of the resource."""
    failing = submitted(executor, "sh", "-c", "exit 3")
    missing = submitted(executor, "/nonexistent/program")
    slow = submitted(executor, "sleep", "600", attributes=JobAttributes(duration=timedelta(seconds=1)))

    ends = [job.wait(MINUTE) for job in (failing, missing, slow)]

    assert [end.state for end in ends] == [JobState.FAILED] * 3
    assert [end.exit_code for end in ends] == [3, 127, 124]
    assert "time limit of 1 s exceeded" in ends[2].message


def test_a_cancelled_job_is_aborted_and_a_finished_one_keeps_its_results(
    executor: JobExecutor, user_project: Project
) -> None:
    """A cancel that comes too late changes nothing."""
    running, done = submitted(executor, "sleep", "600"), submitted(executor, "true")
    running.wait(MINUTE, [JobState.ACTIVE])
    done.wait(MINUTE)

    running.cancel()
    executor.cancel(done)

    assert running.wait(MINUTE).state == JobState.CANCELED
    assert user_project.job(running.native_id).state == State.ABORTED
    assert user_project.job(done.native_id).state == State.FINISHED


def test_a_job_that_somebody_deletes_is_failed(executor: JobExecutor, user_project: Project) -> None:
    """Nobody waits for it for ever."""
    job, held = Job(), user_project.submit("command", input="true", hold=True)
    executor.attach(job, str(held.id))

    user_project.delete(held)

    assert "not on the server any more" in job.wait(MINUTE).message
    assert job.status.state == JobState.FAILED


@pytest.mark.parametrize("number", ["0", "99999", "-1", "7; rm", "1e3", "٣", "9" * 5000])
def test_a_number_of_no_job_cannot_be_attached_to(executor: JobExecutor, number: str) -> None:
    """The error says so."""
    with pytest.raises(InvalidJobException):
        executor.attach(Job(), number)


def test_a_server_that_does_not_answer_is_an_error_after_which_the_job_can_be_submitted(
    executor: JobExecutor,
) -> None:
    """As one that may pass; nothing was made."""
    away = JobExecutor.get_instance("lgi", url=f"https://localhost:{free_port()}/LGI")
    job = Job(JobSpec(executable="true"))

    with pytest.raises(SubmitException) as refused:
        away.submit(job)
    executor.submit(job)

    assert refused.value.transient
    assert job.wait(MINUTE).state == JobState.COMPLETED


def test_a_revoked_token_ends_what_is_known_of_a_job_and_not_the_job(
    user_project: Project, token_project: tuple[Project, Callable[[], object]]
) -> None:
    """After the outage limit, with the reason; the job can be attached to with another one."""
    project, revoke = token_project
    config = LGIExecutorConfig(project, polling_interval=0.2, outage_limit=1)
    job = submitted(JobExecutor.get_instance("lgi", config=config), "sleep", "5")

    revoke()
    end = job.wait(MINUTE)

    assert end.state == JobState.FAILED
    assert "it may run: The token is not accepted" in end.message
    found = Job()
    JobExecutor.get_instance("lgi", config=LGIExecutorConfig(user_project)).attach(found, job.native_id)
    assert found.wait(MINUTE).state == JobState.COMPLETED


def test_a_job_ends_as_it_would_when_its_daemon_is_killed(
    executor: JobExecutor, engine_daemon: DaemonProcess
) -> None:
    """The daemon finds it when it is started again."""
    job = submitted(executor, "sh", "-c", "sleep 3; exit 4")
    job.wait(MINUTE, [JobState.ACTIVE])

    engine_daemon.kill()
    engine_daemon.start()

    assert job.wait(MINUTE).exit_code == 4


@pytest.fixture
def killed_program(user_process: dict[str, Any], user_project: Project) -> list[int]:
    """The numbers of the jobs of a program that is killed when it has submitted them."""
    program = (
        "from psij import Job, JobExecutor, JobSpec; import time\n"
        "grid = JobExecutor.get_instance('lgi')\n"
        "for number in range(3):\n"
        "    job = Job(JobSpec(executable='sleep', arguments=['2']))\n"
        "    grid.submit(job)\n"
        "    print(job.native_id, flush=True)\n"
        "time.sleep(600)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, **user_process
    ) as made:
        assert made.stdout is not None
        numbers = [int(made.stdout.readline()) for _ in range(3)]
        os.kill(made.pid, signal.SIGKILL)
    return numbers


def test_jobs_of_a_killed_program_are_found_again(executor: JobExecutor, killed_program: list[int]) -> None:
    """By `list` and `attach`, with their ends."""
    assert set(map(str, killed_program)) <= set(executor.list())

    jobs = [Job() for _ in killed_program]
    for job, number in zip(jobs, killed_program, strict=True):
        executor.attach(job, str(number))

    wait_for(lambda: all(job.status.final for job in jobs))
    assert {job.status.state for job in jobs} == {JobState.COMPLETED}
