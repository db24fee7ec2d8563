"""What becomes of a cluster of Dask when something is wrong with its workers, the server or a resource."""

import asyncio
import logging
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dask
import pytest
from distributed import Client, as_completed
from lgi_dask import LGICluster

from lgi_tools import Project
from tests.acceptance.conftest import DaemonProcess
from tests.documents.blocks import blocks
from tests.support.grid import wait_for
from tests.support.ports import free_port

NASTY = "it's; $(touch owned) `touch owned`"
PAGE = Path(__file__).parents[3] / "docs" / "engines" / "dask.md"


@pytest.fixture(autouse=True)
def scratch_space(tmp_path: Path) -> Iterator[None]:
    """A directory for what Dask leaves."""
    with dask.config.set({"temporary-directory": str(tmp_path)}):
        yield


def cluster_of(project: Project, label: str, **more: Any) -> LGICluster:
    """A cluster of small workers."""
    options = {"scheduler_options": {"dashboard": False}, "cores": 1, "memory": "500 MB"} | more
    return LGICluster(project=project, labels={"test": label}, **options)


def jobs(project: Project, label: str) -> list[str]:
    """The states of its jobs."""
    return [job.state for job in project.jobs(labels={"test": label})]


def test_names_with_characters_of_a_shell_are_names(user_project: Project) -> None:
    """Of a cluster and its jobs, and the arguments of workers."""
    more = {"name": NASTY, "job_name": NASTY, "worker_extra_args": ["--resources", "A;$(id)=2"]}
    with cluster_of(user_project, "names", **more) as cluster:
        cluster.scale(jobs=1)
        with Client(cluster) as client:
            assert client.submit(sum, [1, 2]).result(60) == 3
            (worker,) = client.scheduler_info()["workers"].values()

    assert worker["resources"] == {"A;$(id)": 2}
    (job,) = user_project.jobs(labels={"test": "names"})
    assert (job.name, job.labels["dask"]) == (NASTY, f"{NASTY}-0")


def test_closing_a_cluster_ends_its_jobs(user_project: Project) -> None:
    """Those that run, and those that wait."""
    with cluster_of(user_project, "close", specifics={"walltime": 600}) as cluster:
        cluster.scale(jobs=6)
        with Client(cluster) as client:
            client.wait_for_workers(1, 60)
        assert len(jobs(user_project, "close")) == 6

    wait_for(lambda: not {"queued", "running", "aborting"} & set(jobs(user_project, "close")))


def test_tasks_of_a_deleted_job_run_on_another_worker(user_project: Project) -> None:
    """The result is complete."""
    with cluster_of(user_project, "deleted") as cluster:
        cluster.scale(jobs=2)
        with Client(cluster) as client:
            client.wait_for_workers(2, 60)
            futures = client.map(lambda number: time.sleep(0.3) or number, range(20))
            next(as_completed(futures))
            (first, _) = user_project.jobs(state="running", labels={"test": "deleted"})
            user_project.delete(first)
            assert sum(client.gather(futures)) == sum(range(20))


def test_an_adaptive_cluster_has_as_many_jobs_as_there_is_work(user_project: Project) -> None:
    """One is made for one task, also if it has two workers, and ended afterwards."""
    with cluster_of(user_project, "adaptive", cores=2, processes=2) as cluster:
        cluster.adapt(minimum_jobs=0, maximum_jobs=2, interval="500ms", wait_count=2)
        with Client(cluster) as client:
            assert client.submit(sum, [1, 2]).result(60) == 3
            made = jobs(user_project, "adaptive")
            wait_for(lambda: not {"queued", "running", "aborting"} & set(jobs(user_project, "adaptive")))

    assert len(made) == 1


def test_tasks_go_on_while_the_daemon_is_killed_and_started_again(
    user_project: Project, engine_daemon: DaemonProcess
) -> None:
    """Workers and their connections belong to the job."""
    with cluster_of(user_project, "daemon") as cluster:
        cluster.scale(jobs=1)
        with Client(cluster) as client:
            client.wait_for_workers(1, 60)
            slow = client.submit(time.sleep, 3)
            engine_daemon.kill()
            engine_daemon.start()
            slow.result(60)


def test_a_worker_that_cannot_start_is_reported(
    user_project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    """With the end of its standard error, without what a terminal would obey."""
    prologue = ["printf 'no dask \\033[2J here\\n' >&2; exit 7"]
    with cluster_of(user_project, "broken", job_script_prologue=prologue) as cluster:
        cluster.scale(jobs=1)
        wait_for(lambda: "has ended" in caplog.text)

    assert "exit code 7\nno dask ?[2J here" in caplog.text


@pytest.mark.parametrize("fault", ["away", "revoked"])
def test_a_worker_without_a_job_is_an_error_with_its_reason(
    fault: str, token_project: tuple[Project, Callable[[], object]]
) -> None:
    """A server that does not answer, a token that was revoked."""
    project, revoke = token_project
    if fault == "revoked":
        revoke()
    else:
        project = Project(server=f"https://localhost:{free_port()}/LGI")
    reason = {"away": "Connection refused", "revoked": "The token is not accepted"}[fault]

    async def run() -> None:
        async with cluster_of(project, fault, asynchronous=True) as cluster:
            cluster.scale(jobs=1)
            await cluster

    with pytest.raises(RuntimeError, match=f"no job was made for the worker .*{reason}"):
        asyncio.run(run())


def test_a_server_that_is_away_at_the_close_is_a_warning(
    token_project: tuple[Project, Callable[[], object]],
    user_project: Project,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The worker misses the scheduler, and its job ends."""
    project, revoke = token_project
    with cluster_of(project, "left") as cluster, caplog.at_level(logging.WARNING):
        cluster.scale(jobs=1)
        with Client(cluster) as client:
            client.wait_for_workers(1, 60)
        revoke()

    assert "was not deleted: The token is not accepted" in caplog.text
    wait_for(lambda: jobs(user_project, "left") == ["finished"])


def test_nobody_without_the_key_of_the_cluster_connects(user_project: Project) -> None:
    """Neither in plain text nor with a key of another one."""
    with cluster_of(user_project, "tls") as cluster, cluster_of(user_project, "other") as other:
        address = cluster.scheduler_address
        assert address.startswith("tls://")
        with dask.config.set({"distributed.comm.timeouts.connect": 3}):
            for security in (other.security, None):
                target = address if security else address.replace("tls://", "tcp://")
                with pytest.raises((OSError, TimeoutError)):
                    Client(target, security=security, timeout=3)


def test_workers_of_a_killed_program_end(user_project: Project, user_process: dict[str, Any]) -> None:
    """They miss the scheduler, and so their jobs end."""
    (block,) = blocks(PAGE, "python")
    program = user_process["cwd"] / "workflow.py"
    program.write_text(
        block.text.replace('"water"', '"killed"').replace(
            "return 1 /", "__import__('time').sleep(3); return 1 /"
        )
    )

    with subprocess.Popen([sys.executable, program], **user_process) as made:
        wait_for(lambda: list(user_project.jobs(state="running", labels={"study": "killed"})))
        made.send_signal(signal.SIGKILL)

    wait_for(lambda: all(job.ended for job in user_project.jobs(labels={"study": "killed"})), 120)
