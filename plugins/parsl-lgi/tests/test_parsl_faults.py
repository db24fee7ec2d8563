"""What becomes of Parsl's blocks and apps when something is wrong with them, the server or a resource."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import parsl
import pytest
from lgi_parsl import LGIExecutor, LGIProvider
from lgi_parsl.block_script import block_script
from parsl.curvezmq import create_certificates
from parsl.executors import HighThroughputExecutor
from parsl.executors.errors import BadStateException, InvalidResourceSpecification
from parsl.jobs.states import JobState
from parsl.providers.errors import SubmitException
from parsl_apps import failing, killed_once, waiting, working_directory

from lgi_tools import JobError, Project
from tests.acceptance.conftest import DaemonProcess
from tests.documents.blocks import blocks
from tests.support.grid import wait_for
from tests.support.ports import free_port

NASTY = "it's; $(touch owned) `touch owned`"
HERE = Path(__file__).parent
PYTHON = f'export PATH="{sys.prefix}/bin:$PATH" PYTHONPATH={HERE}'
PAGE = HERE.parents[2] / "docs" / "engines" / "parsl.md"


@contextmanager
def running(executor: Any, directory: Path, retries: int = 0) -> Iterator[None]:
    """Parsl with one executor."""
    config = parsl.Config(executors=[executor], run_dir=str(directory), retries=retries, strategy_period=1)
    with parsl.load(config):
        yield


def workers(provider: LGIProvider, label: str = "grid") -> HighThroughputExecutor:
    """An executor that misses workers soon."""
    return HighThroughputExecutor(
        label=label, provider=provider, max_workers_per_node=1, heartbeat_period=1, heartbeat_threshold=6
    )


def states(provider: LGIProvider, *job_ids: str) -> list[JobState]:
    """The states of jobs."""
    return [status.state for status in provider.status(job_ids)]


def test_names_with_characters_of_a_shell_are_names(user_project: Project, tmp_path: Path) -> None:
    """Of an executor, and so of its directories and jobs."""
    provider = LGIProvider(project=user_project, worker_init=PYTHON, labels={"test": "names"})

    with running(workers(provider, NASTY), tmp_path):
        directory = working_directory().result(60)

    assert "/JOB_" in directory
    (job,) = user_project.jobs(labels={"test": "names"})
    assert job.name == f"parsl.{NASTY}.block-0"


def test_the_secret_key_of_the_server_is_not_in_a_job(tmp_path: Path) -> None:
    """Workers get the public one, and a pair of their own."""
    keys = Path(create_certificates(tmp_path))
    server = (keys / "server.key_secret").read_text().partition('secret-key = "')[2].partition('"')[0]

    script = block_script(f"pool --cert_dir {keys} --logdir=/home/me/x y --logconf=None", PYTHON, {})

    assert len(server) == 40
    assert server not in script
    assert "pool --cert_dir parsl-keys --logdir=parsl-logs --logconf=None" in script


def test_a_block_that_cannot_start_workers_fails_tasks_with_its_errors(
    user_project: Project, tmp_path: Path
) -> None:
    """As they are in its standard error."""
    provider = LGIProvider(project=user_project, worker_init="echo no workers here >&2; exit 7")

    with running(workers(provider), tmp_path), pytest.raises(BadStateException) as failed:
        working_directory().result(60)

    assert "exit code 7" in str(failed.value)
    assert "no workers here" in str(failed.value)


def test_a_task_of_a_killed_worker_is_tried_again(
    user_project: Project, tmp_path: Path, shared_directory: Path
) -> None:
    """In another block."""
    provider = LGIProvider(project=user_project, worker_init=PYTHON, init_blocks=2, max_blocks=3)

    with running(workers(provider), tmp_path, retries=2):
        assert killed_once(str(shared_directory / "parsl-mark")).result(120) == "done"


def test_tasks_go_on_while_the_daemon_is_killed_and_started_again(
    user_project: Project, tmp_path: Path, engine_daemon: DaemonProcess
) -> None:
    """Workers and their connections belong to the job."""
    provider = LGIProvider(project=user_project, worker_init=PYTHON)

    with running(workers(provider), tmp_path):
        waiting(0).result(60)
        last = waiting(3)
        engine_daemon.kill()
        engine_daemon.start()
        assert last.result(60) == 3


def test_jobs_of_blocks_end_with_parsl(user_project: Project, tmp_path: Path) -> None:
    """Those that run are aborted."""
    provider = LGIProvider(project=user_project, worker_init=PYTHON, labels={"test": "ends"})

    with running(workers(provider), tmp_path):
        waiting(0).result(60)
        waiting(600)

    wait_for(lambda: all(job.ended for job in user_project.jobs(labels={"test": "ends"})))


def test_jobs_that_are_not_there_are_missing_and_others_as_they_are(user_project: Project) -> None:
    """Whatever their numbers are; a finished one keeps its results."""
    provider = LGIProvider(project=user_project)
    done, wrong = provider.submit("true", 1, NASTY), provider.submit("exit 3", 1)
    wait_for(lambda: states(provider, done, wrong) == [JobState.COMPLETED, JobState.FAILED])
    slow = provider.submit("sleep 600", 1)

    assert states(provider, "99999", done) == [JobState.MISSING, JobState.COMPLETED]
    assert list(provider.cancel([slow, done, "99998"])) == [True, True, True]
    assert states(provider, slow, done) == [JobState.CANCELLED, JobState.COMPLETED]
    assert user_project.job(done).exit_code == 0


def test_a_job_at_its_time_limit_is_no_error(user_project: Project) -> None:
    """It is `TIMEOUT`, as in other providers."""
    provider = LGIProvider(project=user_project, walltime="1")
    slow = provider.submit("sleep 600", 1)

    wait_for(lambda: states(provider, slow) == [JobState.TIMEOUT])


def test_a_revoked_token_is_an_error_of_a_block_and_leaves_the_others(
    token_project: tuple[Project, Callable[[], object]],
) -> None:
    """They are as they were known."""
    project, revoke = token_project
    provider = LGIProvider(project=project)
    slow = provider.submit("sleep 3", 1)

    revoke()

    assert states(provider, slow) == [JobState.PENDING]
    assert list(provider.cancel([slow])) == [False]
    with pytest.raises(SubmitException, match="The token is not accepted"):
        provider.submit("true", 1)


def test_a_server_that_does_not_answer_is_an_error_of_a_block(user_project: Project) -> None:
    """With its address."""
    with Project(server=f"https://localhost:{free_port()}/LGI") as away:
        provider = LGIProvider(project=away)

        with pytest.raises(SubmitException, match="Connection refused"):
            provider.submit("true", 1)
        assert states(provider, "1") == [JobState.UNKNOWN]


def test_errors_of_apps_in_jobs_are_those_of_their_futures(user_project: Project, tmp_path: Path) -> None:
    """An exception; a job without result; a request that jobs cannot have."""
    grid = LGIExecutor(project=user_project, labels={"test": "apps"}, specifics={"walltime": 60})
    with running(grid, tmp_path):
        with pytest.raises(LookupError, match="no such energy"):
            failing().result(60)
        slow = waiting(600)
        wait_for(lambda: list(user_project.jobs(state="running", labels={"test": "apps"})))
        for job in user_project.jobs(state="running", labels={"test": "apps"}):
            user_project.delete(job)
        with pytest.raises(JobError):
            slow.result(60)
        wrong = parsl.python_app(lambda parsl_resource_specification: 1)
        with pytest.raises(InvalidResourceSpecification):
            wrong(parsl_resource_specification={"colour": 1}).result(60)
        fine = parsl.python_app(lambda parsl_resource_specification: 2)
        assert fine(parsl_resource_specification={"cores": 1, "running_time_max": 50}).result(60) == 2
        waiting(600)
        waiting(600)

    wait_for(lambda: all(job.ended for job in user_project.jobs(labels={"test": "apps"})))


@pytest.mark.parametrize("executor", ["workers", "each"])
def test_jobs_of_a_killed_program_end_or_are_found_by_their_label(
    executor: str, user_project: Project, user_process: dict[str, Any]
) -> None:
    """Workers end, when the interchange ends with the program as on the page; apps give their results."""
    label = f"killed-{executor}"
    program = blocks(PAGE, "python")[executor == "workers"].text
    for old, new in {
        '"water"': repr(label),
        "return 1 /": "__import__('time').sleep(3); return 1 /",
        "max_workers_per_node=1": "max_workers_per_node=1, heartbeat_threshold=6, heartbeat_period=1",
    }.items():
        program = program.replace(old, new)

    with subprocess.Popen([sys.executable, "-c", program], **user_process) as made:
        wait_for(lambda: list(user_project.jobs(state="running", labels={"study": label})))
        made.send_signal(signal.SIGKILL)

    wait_for(lambda: all(job.ended for job in user_project.jobs(labels={"study": label})), 120)
    if executor == "each":
        assert {job.exit_code for job in user_project.jobs(labels={"study": label})} == {0}
