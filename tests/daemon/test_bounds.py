"""The bounds of a job as a whole: job_max_memory and job_max_disk, and a disk that is full meanwhile."""

import os
import shutil
import sys
from pathlib import Path

import pytest

from lgi_daemon.cli.check import plan
from lgi_daemon.config.model import load
from lgi_daemon.execution.bounds import MEGABYTE, JobBounds
from lgi_daemon.files.disk_usage import MAX_DEPTH, DiskUsage, TooDeepError
from lgi_daemon.jobs.completion import FULL, FULL_MEANWHILE
from lgi_daemon.jobs.disk_watch import COUNT_SECONDS
from lgi_daemon.jobs.job import LocalJob
from lgi_daemon.jobs.memory_limit import LIMIT, bound_of
from lgi_daemon.loop.daemon import Daemon
from lgi_daemon.rundir.record import from_json, to_json
from lgi_daemon.rundir.run_directory import RunDirectory
from lgi_protocol.job_description import JobDescription
from tests.support.workshop import Workshop, only, until

from .conftest import IS_ROOT
from .test_configuration import edit

PYTHON = os.path.realpath(sys.executable)
HOLD = f"{PYTHON} -ISc \"held = bytearray(200 << 20); open('is_big', 'w'); import time; time.sleep(300)\""


def started(workshop: Workshop, body: str, mark: str, bounds: JobBounds) -> tuple[Daemon, LocalJob]:
    """A job with bounds whose run script does something, until it has made a file of that name."""
    workshop.bounds = bounds
    workshop.write_script("job_run_script", body)
    workshop.server.submit("1")
    daemon = workshop.daemon()
    workshop.tick(daemon)
    job = only(daemon)
    until(lambda: (job.run.files(job.record).path / mark).exists())
    return daemon, job


def reported(workshop: Workshop, daemon: Daemon) -> JobDescription:
    """The job at the server once its daemon has noticed and reported its end."""

    def is_reported() -> bool:
        workshop.tick(daemon, COUNT_SECONDS)
        return workshop.server.jobs["1"].state != "running"

    until(is_reported)
    return workshop.server.jobs["1"]


def test_a_job_that_names_no_limit_is_bounded_by_job_max_memory(workshop: Workshop) -> None:
    """Under root a job could take all memory; its end and its output say why it was killed."""
    daemon, job = started(workshop, f"{HOLD} & wait", "is_big", JobBounds(memory=100))

    ended = reported(workshop, daemon)

    assert ended.state == "finished"
    assert ended.end.reason == "it used more than 100 MB"
    assert ended.output == b"[LGI: it used more than 100 MB]\n"
    assert not job.is_alive()


@pytest.mark.parametrize(("limit", "bound", "least"), [(50, 100, 50), (9999, 100, 100), (50, 0, 50)])
def test_the_least_of_the_bound_and_the_jobs_own_limit_counts(
    workshop: Workshop, limit: int, bound: int, least: int
) -> None:
    """A job may ask for less, and a script may not give it more."""
    body = f'echo {limit} > "$LGI_STATE_DIRECTORY/{LIMIT}"; : > begun; sleep 300'
    _daemon, job = started(workshop, body, "begun", JobBounds(memory=bound))

    assert bound_of(job) == least
    job.remove()


def test_a_job_that_stores_too_much_is_killed_and_says_so(workshop: Workshop) -> None:
    """What it has written so far is reported with its reason."""
    body = "echo begin > LGI_output; head -c 3000000 /dev/zero > big; : > written; sleep 300 & wait"
    daemon, job = started(workshop, body, "written", JobBounds(disk=1))

    ended = reported(workshop, daemon)

    assert ended.state == "finished"
    assert ended.end.reason == "it stored more than 1 MB"
    assert ended.output == b"begin\n[LGI: it stored more than 1 MB]\n"
    assert not job.is_alive()


def test_the_output_streams_of_a_job_count_too(workshop: Workshop) -> None:
    """Scripts keep them in the state directory."""
    body = 'head -c 3000000 /dev/zero > "$LGI_STATE_DIRECTORY/stdout"; : > written; sleep 300 & wait'
    daemon, _job = started(workshop, body, "written", JobBounds(disk=1))

    assert reported(workshop, daemon).end.reason == "it stored more than 1 MB"


@pytest.mark.skipif(not IS_ROOT, reason="needs root")
def test_files_that_a_job_stores_elsewhere_under_its_own_uid_count(workshop: Workshop) -> None:
    """They are in /tmp or in shared memory, which is not the memory of a process."""
    body = "head -c 3000000 /dev/zero > /dev/shm/LGI_test_$LGI_JOB_ID.$$; : > written; sleep 300 & wait"
    daemon, _job = started(workshop, body, "written", JobBounds(disk=1))

    assert reported(workshop, daemon).end.reason == "it stored more than 1 MB"
    assert list(Path("/dev/shm").glob("LGI_test_1.*")) == []


def test_a_job_within_its_bounds_is_left_alone(workshop: Workshop) -> None:
    """Its scripts know them."""
    body = 'echo "$LGI_JOB_MAX_MEMORY $LGI_JOB_MAX_DISK" > told; : > is_running; sleep 300'
    daemon, job = started(workshop, body, "is_running", JobBounds(memory=500, disk=2))

    for _second in range(5):
        workshop.tick(daemon, COUNT_SECONDS)

    assert (job.run.files(job.record).path / "told").read_text() == "500 2\n"
    assert workshop.server.jobs["1"].state == "running"
    assert job.is_alive()
    job.remove()


def test_the_reason_is_known_to_the_next_daemon(workshop: Workshop) -> None:
    """It was killed between the kill and the report, and the job cannot change what is kept."""
    daemon, job = started(workshop, f"{HOLD} & wait", "is_big", JobBounds(memory=100))
    daemon.memory_watch.clock.now += 1.0
    daemon.memory_watch.tick()
    until(lambda: not job.is_alive())

    daemon = workshop.restart(daemon)

    assert reported(workshop, daemon).end.reason == "it used more than 100 MB"


def test_an_application_is_not_paused_for_jobs_that_use_too_much(workshop: Workshop) -> None:
    """Three users in a row wrote too much: their jobs are the cause, and others run."""
    workshop.bounds = JobBounds(disk=1)
    workshop.write_script("job_run_script", "head -c 3000000 /dev/zero > big; : > written; sleep 300 & wait")
    for job_id, user in (("1", "mark"), ("2", "alice"), ("3", "bob")):
        workshop.server.submit(job_id, owners=(user,))
    daemon = workshop.daemon()
    workshop.tick(daemon)
    marks = [job.run.files(job.record).path / "written" for job in daemon.jobs]
    until(lambda: all(mark.exists() for mark in marks))

    def are_reported() -> bool:
        workshop.tick(daemon, COUNT_SECONDS)
        return all(job.state != "running" for job in workshop.server.jobs.values())

    until(are_reported)

    assert {job.end.reason for job in workshop.server.jobs.values()} == {"it stored more than 1 MB"}
    assert daemon.circuit_breaker.open_for("LGI", "hello_world") == 0


def test_a_job_of_a_batch_system_that_goes_on_is_aborted(workshop: Workshop) -> None:
    """Its processes run elsewhere, where only its abort script can end them."""
    workshop.write_script("job_abort_script", "rm -f is_running; : > is_finished")
    body = "head -c 3000000 /dev/zero > big; : > is_running"
    daemon, _job = started(workshop, body, "is_running", JobBounds(disk=1))

    ended = reported(workshop, daemon)

    assert "abort" in workshop.acts()
    assert (ended.state, ended.end.reason) == ("finished", "it stored more than 1 MB")


def test_a_disk_that_was_full_while_a_job_ran_is_told_in_its_output(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another job that has ended meanwhile may have filled it; what this one wrote may be cut."""
    daemon, job = started(workshop, ": > is_running", "is_running", JobBounds())
    with monkeypatch.context() as full:
        full.setattr(RunDirectory, "is_full", lambda _run: True)
        workshop.tick(daemon, 1.0)
    workshop.marked(job, "is_finished")

    ended = reported(workshop, daemon)

    assert ended.end.reason == FULL_MEANWHILE
    assert ended.output == f"[LGI: {FULL_MEANWHILE}]\n".encode()
    assert FULL in FULL_MEANWHILE


def test_a_record_keeps_its_bounds_and_older_ones_have_none(workshop: Workshop) -> None:
    """A running job keeps those with which it was taken."""
    _daemon, job = started(workshop, ": > begun", "begun", JobBounds(memory=7, disk=9))

    data = to_json(job.record)

    assert from_json(data).bounds == JobBounds(memory=7, disk=9)
    assert from_json(data.replace(b'"bounds"', b'"more"')).bounds == JobBounds()


def test_the_bounds_are_read_from_the_configuration(file: Path) -> None:
    """The option --check shows them."""
    edit(
        file,
        "<max_output_size>",
        "<job_max_memory> 2000 </job_max_memory> <job_max_disk> 500 </job_max_disk> <max_output_size>",
    )

    found = load(file, as_root=False)

    assert found.projects[0].applications[0].bounds == JobBounds(memory=2000, disk=500)
    assert "memory together at most 2000 MB, disk together at most 500 MB" in plan(found, 120, 600)


@pytest.fixture
def tree(place: Path) -> Path:
    """A directory of a job."""
    path = place / "tree"
    path.mkdir()
    return path


def used(path: Path, enough: int = 1 << 40) -> int:
    """How many bytes its files occupy."""
    usage = DiskUsage(enough)
    usage.add(path)
    return usage.used


def test_blocks_are_counted_and_each_file_once(tree: Path) -> None:
    """A hole occupies nothing, a second name nothing more, a link leads nowhere."""
    empty = used(tree)
    (tree / "inner").mkdir()
    (tree / "inner" / "file").write_bytes(b"x" * MEGABYTE)
    (tree / "second").hardlink_to(tree / "inner" / "file")
    with (tree / "hole").open("wb") as opened:
        opened.truncate(1 << 40)
    (tree / "link").symlink_to("/usr")

    assert MEGABYTE <= used(tree) - empty < MEGABYTE + 65536


def test_the_count_ends_when_there_is_enough(tree: Path) -> None:
    """A job may have a million files."""
    for number in range(50):
        (tree / f"file{number}").write_bytes(b"x" * 8192)

    assert 8192 < used(tree, 8192) < 50 * 8192


def test_directories_that_are_nested_without_end_are_refused(tree: Path) -> None:
    """A job could hide its files below; no recursion, and no more descriptors than levels."""
    before = len(os.listdir("/proc/self/fd"))
    at = os.open(tree, os.O_RDONLY)
    for _level in range(MAX_DEPTH + 5):
        os.mkdir("d", dir_fd=at)
        inner = os.open("d", os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = inner
    os.close(at)

    with pytest.raises(TooDeepError):
        used(tree)

    assert len(os.listdir("/proc/self/fd")) == before
    shutil.rmtree(tree)


def test_a_directory_that_is_gone_counts_as_nothing(tree: Path) -> None:
    """The job may delete what is counted."""
    assert used(tree / "nothing") == 0
