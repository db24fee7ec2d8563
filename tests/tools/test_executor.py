"""Project.executor: functions and command lines as jobs, run by a resource of the tests."""

import asyncio
import concurrent.futures
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from lgi_tools import JobError, JobExecutor, Project, ServerError, TransferError, TransportError
from lgi_tools.client.executor import file_check, remote_call
from tests.support.grid import PROJECT, Grid, wait_for
from tests.support.program_resource import ProgramResource

pytestmark = pytest.mark.one_database
# Seconds: much longer than a job takes.
LONG = 60


@pytest.fixture
def project(grid: Grid) -> Iterator[Project]:
    """The project of a user without groups."""
    issued = grid.people.user("mark@laptop", ("theor",))
    with Project(
        grid.url,
        PROJECT,
        user="mark@laptop",
        groups=["theor"],
        key=issued.key,
        certificate=issued.certificate,
        ca=grid.people.authority.ca_file,
    ) as opened:
        yield opened


@pytest.fixture
def resource(grid: Grid) -> ProgramResource:
    """The only resource of the project."""
    return ProgramResource(grid)


@pytest.fixture
def executor(project: Project, resource: ProgramResource) -> Iterator[JobExecutor]:
    """An executor with its resource; jobs that a test leaves are not waited for."""
    made = project.executor()
    yield made
    made.shutdown(wait=False, cancel_futures=True)


def state_of(project: Project, job_id: int) -> str:
    """The state of a job, "gone" for one that is deleted."""
    try:
        return project.job(job_id).state
    except ServerError:
        return "gone"


def test_a_function_is_called_in_a_job(project: Project, resource: ProgramResource) -> None:
    """With what it refers to, without cloudpickle on the resource; what it prints is its standard error."""
    factor = 7

    def scaled(number: int, *, offset: int) -> dict[str, int]:
        print("scaling")
        return {"value": number * factor + offset}

    with project.executor(name="", labels={"T": "300"}) as executor:
        future = executor.submit(scaled, 5, offset=1)
        resource.run()
        result = future.result(LONG)

    job = project.job(future.job_id)
    assert result == {"value": 36}
    assert (job.name, job.labels, job.exit_code) == ("scaled", {"T": "300"}, 0)
    assert b"[LGI: standard error]\nscaling\n" in job.output


def test_an_exception_of_a_function_is_that_of_the_future(
    project: Project, executor: JobExecutor, resource: ProgramResource
) -> None:
    """Of the same class, with the traceback of the job as its cause; the job has failed."""

    class UnstableError(Exception):
        pass

    def diverge() -> None:
        raise UnstableError("step 3")

    future = executor.submit(diverge)
    resource.run()

    with pytest.raises(UnstableError, match="step 3") as caught:
        future.result(LONG)
    assert "in diverge" in str(caught.value.__cause__)
    assert [job.exit_code for job in project.jobs(ended="failed")] == [1]


def leave() -> Callable[[], object]:
    """A function that ends its process."""
    return lambda: sys.exit(3)


def die() -> Callable[[], object]:
    """A function that is killed."""
    return lambda: os._exit(9)


def open_stream() -> Callable[[], object]:
    """A function whose value cannot be pickled."""
    return lambda: (_ for _ in ())


def unknown_module() -> Callable[[], object]:
    """A function whose exception is unknown to the submitter."""

    def fail() -> None:
        Path("only_there.py").write_text("class E(Exception):\n    pass\n")
        import only_there  # type: ignore[import-not-found]

        raise only_there.E("x")

    return fail


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (leave, "has no result: SystemExit: 3"),
        (die, "has no result: finished, exit code 9"),
        (open_stream, "has no result: the result of the function cannot be pickled: TypeError"),
        (unknown_module, "has a result that cannot be loaded here: ModuleNotFoundError"),
    ],
)
def test_a_job_without_a_value_or_exception_says_why(
    executor: JobExecutor, resource: ProgramResource, make: Callable[[], Callable[[], object]], text: str
) -> None:
    """JobError, with the number of the job."""
    future = executor.submit(make())
    resource.run()

    with pytest.raises(JobError, match=text) as caught:
        future.result(LONG)
    assert caught.value.job_id == future.job_id


def test_an_argument_that_cannot_be_pickled_is_refused_at_once(executor: JobExecutor) -> None:
    """No job is submitted."""
    with pytest.raises(TypeError, match="pickle"):
        executor.submit(len, (_ for _ in ()))


def test_a_module_among_the_files_is_found(project: Project, resource: ProgramResource) -> None:
    """A function of it is sent by its name."""
    Path("analysis.py").write_text("def double(number):\n    return 2 * number\n")

    def call(number: int) -> object:
        import analysis  # type: ignore[import-not-found]

        return analysis.double(number)

    with project.executor(files=["analysis.py"]) as executor:
        future = executor.submit(call, 4)
        resource.run()
        assert future.result(LONG) == 8


@pytest.mark.parametrize(
    ("end", "text"),
    [
        ({"state": "aborted", "end_reason": "too hot"}, "has no result: aborted: too hot"),
        ({"exit_signal": 9}, "has no result: finished, killed by signal 9; its output: oh"),
        ({"exit_code": 0}, "has lost its result: result.pickle is not among its files"),
    ],
)
def test_a_job_that_is_aborted_killed_or_lost_is_an_error(
    executor: JobExecutor, resource: ProgramResource, end: dict[str, int | str], text: str
) -> None:
    """Whatever its output says."""
    future = executor.submit(abs, -3)
    (job,) = resource.take()
    output = b"oh\n"
    if "exit_code" in end:
        output = b"[LGI: the SHA-256 of result.pickle is " + b"0" * 64 + b"]\n"
    resource.report(job, output, **end)

    with pytest.raises(JobError, match=text):
        future.result(LONG)


def test_a_job_that_is_deleted_is_an_error(project: Project, executor: JobExecutor) -> None:
    """By whoever may."""
    future = executor.submit(abs, -3)
    project.delete(future.wait_until_sent())

    with pytest.raises(JobError, match="was deleted"):
        future.result(LONG)


def test_a_held_job_is_warned_of(
    project: Project, executor: JobExecutor, resource: ProgramResource, caplog: pytest.LogCaptureFixture
) -> None:
    """It would be waited for without a word until somebody releases it."""
    future = executor.submit(abs, -3)
    job_id = future.wait_until_sent()
    project.hold([job_id])

    wait_for(lambda: f"job {job_id} is held" in caplog.text, 60)
    project.release([job_id])
    resource.run()
    assert future.result(LONG) == 3


def test_a_result_that_its_resource_has_not_reported_is_never_loaded(
    project: Project, executor: JobExecutor, resource: ProgramResource
) -> None:
    """Who may write the files of a job, as its group, cannot run code where its submitter waits."""
    trap = Path("trap").absolute()

    class Trap:
        def __reduce__(self) -> tuple[object, ...]:
            return (open, (str(trap), "w"))

    future = executor.submit(abs, -3)
    (job,) = resource.take()
    output = b"[LGI: the SHA-256 of result.pickle is " + b"0" * 64 + b"]\n"
    Path("result.pickle").write_bytes(b'{"ok": true}\n' + pickle.dumps([Trap()]))
    project.files(future.job_id).upload("result.pickle")
    resource.report(job, output, exit_code=0)

    with pytest.raises(JobError, match="it is not loaded"):
        future.result(LONG)
    assert not trap.exists()


FORGED = """
import hashlib, pickle
class Trap:
    def __reduce__(self):
        return (open, ({trap!r}, "w"))
result = b'{{"ok": true}}\\n' + pickle.dumps([Trap()])
open("result.pickle", "wb").write(result)
print("[LGI: the SHA-256 of result.pickle is " + hashlib.sha256(result).hexdigest() + "]", flush=True)
"""


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("function.pyz", "'function.pyz' has another content"),
        ("arguments.pickle", "'arguments.pickle' has another content"),
        ("analysis.py", "'analysis.py' has another content"),
        ("numpy.py", "'numpy.py' has been added, and could be imported"),
        ("hashlib.py", "'hashlib.py' has been added, and could be imported"),
    ],
)
def test_a_file_that_is_replaced_in_a_queued_job_is_not_run(
    project: Project, resource: ProgramResource, name: str, said: str
) -> None:
    """Who may write the files of a job would otherwise store a result of his own with its digest."""
    Path("analysis.py").write_text("")
    trap = Path("trap").absolute()

    with project.executor(files=["analysis.py"]) as executor:
        future = executor.submit(abs, -3)
        forged = Path("forged")
        forged.write_text(FORGED.format(trap=str(trap)))
        project.files(future.wait_until_sent()).upload(forged, name)
        resource.run()

        with pytest.raises(JobError) as caught:
            future.result(LONG)
    job = project.job(future.job_id)
    assert said in str(caught.value)
    assert (job.exit_code, [file.name for file in job.files if file.name == "result.pickle"]) == (123, [])
    assert not trap.exists()


def test_a_compiled_module_is_found_and_a_program_that_is_no_module_is_not(tmp_path: Path) -> None:
    """It would be imported instead of the source that was submitted; output of an earlier try stays."""
    compiled = tmp_path / "__pycache__" / "analysis.cpython-311.pyc"
    compiled.parent.mkdir()
    (tmp_path / "energies.txt").write_text("1.5")
    check = [sys.executable, "-I", file_check.__file__]

    def exit_code() -> int:
        return subprocess.run(check, cwd=tmp_path, input=b"{}", capture_output=True, check=False).returncode

    assert exit_code() == 0
    compiled.touch()
    assert exit_code() == 123


def test_a_file_that_grows_after_it_was_listed_is_not_read(
    project: Project, executor: JobExecutor, resource: ProgramResource
) -> None:
    """A limit of bytes holds for what is fetched."""
    future = executor.submit(abs, -3)
    Path("notes").write_bytes(b"12345")
    files = project.files(future.wait_until_sent())
    files.upload("notes")

    assert files.read("notes", 5) == b"12345"
    with pytest.raises(TransferError, match="notes has more than 4 bytes"):
        files.read("notes", 4)


def test_another_version_of_python_is_a_clear_error() -> None:
    """Before anything is read: pickles of functions belong to one version."""
    command = [sys.executable, remote_call.__file__, "3.4"]

    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 125
    assert "was pickled by Python 3.4, which cannot be read there" in done.stderr


def test_a_resource_without_that_python_says_so(project: Project, resource: ProgramResource) -> None:
    """The job ends as one that was not started."""
    with project.executor(python="python9.9") as executor:
        future = executor.submit(abs, -3)
        resource.run()

        with pytest.raises(JobError, match=r"exit code 125; its output: .*\n.* has no python9\.9"):
            future.result(LONG)


def test_the_values_of_a_map_come_in_order(project: Project, resource: ProgramResource) -> None:
    """A job for each chunk; the last one may be shorter."""
    values = project.map(lambda one, other: one * other, range(5), range(10, 20), chunksize=2)
    resource.run(3)

    assert list(values) == [0, 11, 24, 39, 56]
    assert len(list(project.jobs())) == 3


def test_a_map_that_is_left_removes_its_queued_jobs(project: Project, resource: ProgramResource) -> None:
    """Those that have run stay."""
    values = project.map(abs, [-1, -2, -3])
    resource.run(1)

    assert next(values) == 1
    values.close()  # type: ignore[attr-defined]
    assert [job.state for job in project.jobs()] == ["finished"]


def test_a_map_has_a_timeout(project: Project, resource: ProgramResource) -> None:
    """Its jobs that have not started are removed."""
    with pytest.raises(TimeoutError):
        list(project.map(abs, [-1, -2], timeout=0.2))

    assert list(project.jobs()) == []


def test_a_queued_job_is_cancelled_and_a_running_one_is_not(
    project: Project, executor: JobExecutor, resource: ProgramResource
) -> None:
    """The first is removed from the server, the second goes on to its result."""
    running = executor.submit(abs, -1)
    (job,) = resource.take()
    queued = executor.submit(abs, -2)

    assert (running.cancel(), queued.cancel()) == (False, True)
    assert (queued.cancelled(), state_of(project, queued.job_id)) == (True, "gone")
    resource.finish(job)
    assert running.result(LONG) == 1
    assert (running.cancel(), queued.cancel()) == (False, True)
    waited = concurrent.futures.wait([running, queued], LONG)
    assert not waited.not_done


def test_a_shut_down_executor_takes_no_calls(project: Project, executor: JobExecutor) -> None:
    """With cancel_futures its queued jobs are removed."""
    future = executor.submit(abs, -1)
    executor.shutdown(wait=False, cancel_futures=True)

    assert future.cancelled()
    assert list(project.jobs()) == []
    for call in (lambda: executor.submit(abs, -1), lambda: executor.submit_command(["true"])):
        with pytest.raises(RuntimeError, match="after shutdown"):
            call()


def test_a_block_waits_for_its_jobs_unless_it_is_interrupted(
    project: Project, resource: ProgramResource
) -> None:
    """At Ctrl-C queued jobs are removed, and those that run continue."""
    with suppress(KeyboardInterrupt), project.executor() as executor:
        running = executor.submit(abs, -1)
        (job,) = resource.take()
        queued = executor.submit(abs, -2)
        raise KeyboardInterrupt

    assert (running.done(), queued.cancelled()) == (False, True)
    resource.finish(job)
    assert running.result(LONG) == 1


def test_a_command_line_is_a_future_too(executor: JobExecutor, resource: ProgramResource) -> None:
    """Its result is that of the job, whatever the exit code; a local program is sent."""
    Path("greet").write_text("#!/bin/sh\necho hello $1\nexit 4\n")

    future = executor.submit_command(["./greet", "a b"])
    resource.run()

    result = future.result(LONG)
    assert (result.text, result.exit_code) == ("hello a b\n", 4)


def test_an_option_that_is_unknown_is_refused(project: Project) -> None:
    """As an argument of a submit is; a misspelt one would be passed over."""
    for call in (project.executor, project.submit):
        with pytest.raises(TypeError, match="there is no argument 'retrys'"):
            call("command", retrys=1)
    assert list(project.jobs()) == []


def test_a_job_that_the_server_refuses_has_its_error(project: Project, executor: JobExecutor) -> None:
    """The other jobs are not touched; nothing is left to wait for."""
    with project.executor("nonsense") as refused:
        future = refused.submit_command(["true"])

    assert isinstance(future.exception(LONG), ServerError)
    assert (future.cancel(), future.job_id) == (False, 0)


def test_a_server_that_cannot_be_reached_is_the_error_of_all_futures(grid: Grid, project: Project) -> None:
    """Nothing waits for ever."""
    issued = grid.people.user("mark@laptop", ("theor",))
    ca = grid.people.authority.ca_file
    with (
        Project(
            "https://localhost:1/LGI",
            PROJECT,
            user="mark@laptop",
            groups=["theor"],
            key=issued.key,
            certificate=issued.certificate,
            ca=ca,
        ) as away,
        away.executor() as executor,
    ):
        futures = [executor.submit(abs, -1), executor.submit_command(["true"])]

    assert [type(future.exception(LONG)) for future in futures] == [TransportError] * 2


def test_a_job_of_a_returned_value_is_deleted_on_demand(project: Project, resource: ProgramResource) -> None:
    """With keep=False; a job whose function has raised stays."""
    with project.executor(keep=False) as executor:
        good, bad = executor.submit(abs, -1), executor.submit(abs, "x")
        resource.run(2)
        concurrent.futures.wait([good, bad], LONG)

    assert (good.result(), state_of(project, good.job_id)) == (1, "gone")
    assert (type(bad.exception()), state_of(project, bad.job_id)) == (TypeError, "finished")


def test_a_function_that_fails_is_called_again(project: Project, resource: ProgramResource) -> None:
    """With retries: the result is that of the last try."""
    mark = Path("mark").absolute()

    def fail_once() -> str:
        if mark.exists():
            return "done"
        mark.touch()
        raise OSError("first time")

    with project.executor(retries=1, backoff=0) as executor:
        future = executor.submit(fail_once)
        resource.run()
        resource.run()
        assert future.result(LONG) == "done"


def test_the_jobs_of_an_executor_are_counted(executor: JobExecutor, resource: ProgramResource) -> None:
    """By the server, as those of a selection."""
    before = executor.progress()
    futures = [executor.submit(abs, -1) for _ in range(3)]
    resource.run(2)
    concurrent.futures.wait(futures, LONG, concurrent.futures.FIRST_COMPLETED)
    wait_for(lambda: executor.progress().ended == 2)

    assert before.total == 0
    assert executor.progress().counts == {"queued": 1, "succeeded": 2}


def test_a_coroutine_waits_for_a_job(executor: JobExecutor, resource: ProgramResource) -> None:
    """As for every executor of Python."""

    async def main() -> int:
        loop = asyncio.get_running_loop()
        value = loop.run_in_executor(executor, abs, -5)
        await asyncio.to_thread(resource.run)
        return await asyncio.wait_for(value, LONG)

    assert asyncio.run(main()) == 5


def test_a_program_that_ends_at_once_has_sent_its_jobs(
    grid: Grid, project: Project, resource: ProgramResource
) -> None:
    """It does not wait for their ends."""
    issued = grid.people.user("mark@laptop", ("theor",))
    source = (
        "from lgi_tools import Project\n"
        f"project = Project({grid.url!r}, {PROJECT!r}, user='mark@laptop', groups=['theor'],"
        f" key={str(issued.key)!r}, certificate={str(issued.certificate)!r},"
        f" ca={str(grid.people.authority.ca_file)!r})\n"
        "executor = project.executor()\n"
        "executor.submit(abs, -1)\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", source], capture_output=True, text=True, timeout=LONG, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert [(job.state, job.name) for job in project.jobs()] == [("queued", "abs")]


def test_functions_without_cloudpickle_are_refused_and_commands_are_not(
    executor: JobExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message names the package and the extra."""
    monkeypatch.setitem(sys.modules, "cloudpickle", None)

    with pytest.raises(ImportError, match=r"cloudpickle, which is not installed.*extra 'executor'"):
        executor.submit(abs, -1)
    assert executor.submit_command(["true"]).wait_until_sent() > 0
