"""A resource that cannot run jobs takes none: an application fails immediately, or the disk is full."""

import errno
import logging
import os
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

from lgi_daemon.files import atomic_file
from lgi_daemon.files.disk_space import FRESH_SECONDS, DiskSpace
from lgi_daemon.files.reserve import RESERVE_BYTES, Reserve
from lgi_daemon.jobs.circuit_breaker import FIRST_OPEN_SECONDS, LONGEST_OPEN_SECONDS, MAX_FAILED_USERS
from lgi_daemon.jobs.job import LocalJob
from lgi_daemon.jobs.schedule import LOST_SECONDS
from lgi_daemon.loop.daemon import Daemon
from tests.support.workshop import FAST, SLOW, Workshop, only, until

from .conftest import IS_ROOT

_USERS = count(100)


@pytest.fixture(autouse=True)
def heard() -> None:
    """The log can be read."""
    logging.getLogger("lgi_daemon").propagate = True


def test_jobs_of_one_user_that_fail_at_once_are_no_fault_of_the_application(workshop: Workshop) -> None:
    """One user with a hundred such jobs must not stop those of others."""
    workshop.write_script("job_prologue_script", "exit 1")
    for number in range(2 * MAX_FAILED_USERS):
        workshop.server.submit(str(number), users(number % (MAX_FAILED_USERS - 1)))
    daemon = workshop.daemon()
    workshop.tick(daemon)
    workshop.tick(daemon, 1.5)

    assert len(daemon.jobs) == 2 * MAX_FAILED_USERS
    assert daemon.circuit_breaker.open_for("LGI", "hello_world") == 0.0


def test_jobs_that_end_by_themselves_within_a_second_are_no_fault_of_the_application(
    workshop: Workshop,
) -> None:
    """Short jobs may be intended by their users."""
    workshop.write_script("job_run_script", ": > is_finished")
    for number in range(2 * MAX_FAILED_USERS):
        workshop.server.submit(str(number), users(number))
    daemon = workshop.daemon()
    workshop.tick(daemon)
    for job in daemon.jobs:
        until(lambda job=job: not job.is_alive())  # type: ignore[misc]
    workshop.tick(daemon, 1.5)

    assert {job.state for job in workshop.server.jobs.values()} == {"finished"}
    assert daemon.circuit_breaker.open_for("LGI", "hello_world") == 0.0


@pytest.mark.parametrize(("seconds", "is_paused"), [(1.5, True), (10.0, False)])
def test_an_application_whose_jobs_end_at_once_with_an_error_rests(
    workshop: Workshop, seconds: float, is_paused: bool
) -> None:
    """Jobs of three users fail in a row: a program may be missing. A job that fails later has run."""
    workshop.write_script(
        "job_run_script", 'sleep 0.5; echo exit_code=127 > "$LGI_STATE_DIRECTORY/end"; : > is_finished'
    )
    for number in range(MAX_FAILED_USERS):
        workshop.server.submit(str(number), users(number))
    daemon = workshop.daemon()
    workshop.tick(daemon)
    for job in daemon.jobs:
        until(lambda job=job: not job.is_alive())  # type: ignore[misc]

    workshop.tick(daemon, seconds)

    assert {job.state for job in workshop.server.jobs.values()} == {"finished"}
    assert (daemon.circuit_breaker.open_for("LGI", "hello_world") > 0.0) is is_paused


def failing(workshop: Workshop, name: str = "job_prologue_script") -> Daemon:
    """A daemon with three jobs whose scripts fail, and a fourth that waits at the server."""
    workshop.write_script(name, "exit 1")
    for number in range(MAX_FAILED_USERS):
        workshop.server.submit(str(number), users(number))
    daemon = workshop.daemon()
    workshop.tick(daemon)
    for job in daemon.jobs:
        until(lambda job=job: not job.is_alive())  # type: ignore[misc]
    workshop.tick(daemon, 1.5)
    if name == "job_run_script":
        workshop.tick(daemon, LOST_SECONDS)
    workshop.server.submit("9")
    return daemon


def users(number: int) -> tuple[str, ...]:
    """The owners of a job: a user, and the group that all have."""
    return (f"user{number}@laptop", "theor")


def asked_for(workshop: Workshop, daemon: Daemon, seconds: float) -> int:
    """Return how often work is requested within some seconds."""
    before = len(workshop.server.asked)
    for _step in range(int(seconds // 60)):
        # What takes a moment must not seem to take the minute that is told.
        until(lambda: not any(job.is_alive() for job in daemon.jobs))
        workshop.tick(daemon, 60.0)
    return len(workshop.server.asked) - before


@pytest.mark.parametrize("name", ["job_prologue_script", "job_run_script"])
def test_an_application_whose_jobs_fail_at_once_rests_and_is_tried_again(
    workshop: Workshop, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """After three jobs in a row no work is requested; this is logged once, and ends by itself."""
    daemon = failing(workshop, name)

    during = asked_for(workshop, daemon, FIRST_OPEN_SECONDS - 60.0)
    state_during = workshop.server.jobs["9"].state
    after = asked_for(workshop, daemon, SLOW + 120.0)

    assert (during, state_during) == (0, "queued")
    assert after >= 1
    assert workshop.server.jobs["9"].state != "queued"
    assert caplog.text.count("3 consecutive jobs of LGI/hello_world, of 3 users, failed immediately") == 1


def test_the_next_rest_is_twice_as_long_when_the_next_job_fails_too(
    workshop: Workshop, caplog: pytest.LogCaptureFixture
) -> None:
    """One more failure is enough then; a job is counted once, however often it is tried again."""
    daemon = failing(workshop)
    asked_for(workshop, daemon, FIRST_OPEN_SECONDS + SLOW)

    rest = daemon.circuit_breaker.open_for("LGI", "hello_world")

    assert workshop.server.jobs["9"].state == "running"
    assert FIRST_OPEN_SECONDS < rest <= 2 * FIRST_OPEN_SECONDS
    assert "4 consecutive jobs of LGI/hello_world" in caplog.text


def fail_again(daemon: Daemon) -> None:
    """Let one more job of the application fail immediately."""
    record = replace(next(iter(daemon.jobs)).record, owners=users(next(_USERS)))
    daemon.circuit_breaker.record_failure(LocalJob(record, daemon.run, daemon.scripts))


def test_a_rest_has_a_longest_duration(workshop: Workshop) -> None:
    """It is six hours, so that a repaired machine works again on the same day."""
    daemon = failing(workshop)

    for _job in range(40):
        daemon.clock.now += LONGEST_OPEN_SECONDS
        fail_again(daemon)

    assert daemon.circuit_breaker.open_for("LGI", "hello_world") == LONGEST_OPEN_SECONDS


def test_a_job_that_runs_ends_a_row_of_failures(workshop: Workshop) -> None:
    """Two failures, a job that finishes, two more: nothing rests."""
    workshop.server.submit("0")
    daemon = workshop.daemon()
    workshop.tick(daemon)
    for _job in range(MAX_FAILED_USERS - 1):
        fail_again(daemon)
    workshop.marked(only(daemon), "is_finished")
    workshop.server.submit("1")

    workshop.tick(daemon, 1.0)
    workshop.tick(daemon, FAST)
    for _job in range(MAX_FAILED_USERS - 1):
        fail_again(daemon)

    first, second = (job.state for job in workshop.server.jobs.values())
    # Its run script leaves no mark, so that the second one may have ended meanwhile.
    assert first == "finished"
    assert second in {"running", "finished"}
    assert daemon.circuit_breaker.open_for("LGI", "hello_world") == 0.0


def test_bad_jobs_that_are_tried_again_and_again_do_not_count_again(workshop: Workshop) -> None:
    """Others run meanwhile, so these jobs are the cause, and work is requested."""
    daemon = failing(workshop)
    workshop.write_script("job_prologue_script", "")
    asked_for(workshop, daemon, FIRST_OPEN_SECONDS + SLOW)
    good = next(job for job in daemon.jobs if job.record.job_id == "9")
    workshop.marked(good, "is_finished")

    asked_for(workshop, daemon, SLOW)

    assert workshop.server.jobs["9"].state == "finished"
    assert daemon.circuit_breaker.open_for("LGI", "hello_world") == 0.0


def test_other_applications_are_asked_for_while_one_rests(workshop: Workshop) -> None:
    """A rest is that of one application of one project."""
    daemon = failing(workshop)

    names = (("LGI", "hello_world"), ("LGI", "x"), ("X", "hello_world"))
    rests = [daemon.circuit_breaker.open_for(*one) for one in names]

    assert rests in ([FIRST_OPEN_SECONDS - 1.5, 0.0, 0.0], [FIRST_OPEN_SECONDS, 0.0, 0.0])


def test_a_reload_ends_all_rests(workshop: Workshop) -> None:
    """SIGHUP means that the administrator has corrected something."""
    daemon = failing(workshop)
    workshop.write_script("job_prologue_script", "")

    daemon.reconfigure(workshop.configuration)
    workshop.tick(daemon, 1.0)

    assert workshop.server.jobs["9"].state == "running"
    until(lambda: "run" in workshop.acts())
    assert daemon.circuit_breaker.open_for("LGI", "hello_world") == 0.0


def test_jobs_that_run_long_before_they_end_without_a_mark_are_no_fault_of_the_resource(
    workshop: Workshop,
) -> None:
    """The cause of their end is unknown, and work of the application is still requested."""
    workshop.write_script("job_run_script", ": > is_running")
    for number in range(MAX_FAILED_USERS):
        workshop.server.submit(str(number))
    daemon = workshop.daemon()
    workshop.tick(daemon)
    for job in daemon.jobs:
        workshop.marked(job, "is_running")
    workshop.tick(daemon, 300.0)
    for job in daemon.jobs:
        workshop.marked(job)

    workshop.tick(daemon, FAST)

    assert workshop.acts().count("run") >= MAX_FAILED_USERS
    assert daemon.circuit_breaker.open_for("LGI", "hello_world") == 0.0


@pytest.fixture
def small_disk(workshop: Workshop) -> Iterator[Workshop]:
    """The run directory on a file system of 32 MiB."""
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=32m,mode=0755", "none", workshop.run_path], capture_output=True
    )
    if made.returncode:
        pytest.skip("file systems cannot be mounted here")
    yield workshop
    subprocess.run(["umount", "-l", workshop.run_path], check=True)


@pytest.mark.skipif(not IS_ROOT, reason="needs root")
def test_a_full_disk_takes_no_jobs_and_loses_none(
    small_disk: Workshop, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged once, and the present job ends normally; work is requested again when there is space."""
    caplog.set_level(logging.INFO, "lgi_daemon")
    workshop = small_disk
    workshop.server.submit("1")
    daemon = workshop.daemon()
    workshop.tick(daemon)
    workshop.marked(only(daemon), "is_running")
    workshop.server.submit("2")
    full = workshop.run_path / "full"
    with pytest.raises(OSError, match="space"):
        full.write_bytes(b"x" * 2**26)
    os.truncate(full, full.stat().st_size - 2**20)

    asked_full = asked_for(workshop, daemon, 3 * SLOW)
    kept = only(daemon).record.job_id
    full.unlink()
    workshop.marked(only(daemon), "is_finished")
    asked_again = asked_for(workshop, daemon, 2 * FAST)

    assert (asked_full, kept) == (0, "1")
    assert asked_again >= 1
    first, second = (job.state for job in workshop.server.jobs.values())
    # Its run script leaves no mark, so that the second one may have ended meanwhile.
    assert first == "finished"
    assert second in {"running", "finished"}
    assert caplog.text.count("not fetching jobs: no space") == 1
    assert "bytes are free" in caplog.text
    assert caplog.text.count("fetching jobs again") == 1


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "no space in {}: No space left on device"),
        (errno.EDQUOT, "no space in {}: Disk quota exceeded"),
        (errno.EACCES, "no files can be written into {}: Permission denied"),
        (errno.EROFS, "no files can be written into {}: Read-only file system"),
    ],
)
def test_only_a_full_disk_is_called_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, number: int, words: str
) -> None:
    """Any other reason why the run directory cannot be used is named as what it is."""
    space = DiskSpace(tmp_path, Reserve(tmp_path / "reserve"))

    def refuse(_place: Path) -> None:
        raise OSError(number, os.strerror(number), str(tmp_path))

    with monkeypatch.context() as patched:
        patched.setattr(os, "statvfs", refuse)
        refused = space.has_space()
    again = space.has_space()

    assert (refused, again) == (False, True)
    assert f"not fetching jobs: {words.format(tmp_path)}" in caplog.text


@pytest.mark.skipif(not IS_ROOT, reason="needs root")
def test_the_end_of_a_job_is_reported_though_the_disk_is_full(
    small_disk: Workshop, caplog: pytest.LogCaptureFixture
) -> None:
    """Reserved space is used for it; the user gets the cause, and no more jobs are taken."""
    workshop = small_disk
    workshop.server.submit("1")
    daemon = workshop.daemon()
    workshop.tick(daemon)
    job = only(daemon)
    workshop.marked(job, "is_finished")
    (job.run.files(job.record).path / "LGI_output").write_bytes(b"the answer")
    full = workshop.run_path / "full"
    with pytest.raises(OSError, match="space"):
        full.write_bytes(b"x" * 2**26)
    # After a write that failed the report is tried again ten seconds later.
    for seconds in (1.0, 1.0, 11.0):
        workshop.tick(daemon, seconds)
    told = workshop.server.jobs["1"]
    tree = workshop.tree()
    workshop.server.submit("2")
    workshop.tick(daemon, FAST)
    state_full = workshop.server.jobs["2"].state
    full.unlink()
    workshop.tick(daemon, FAST)

    assert told.state == "finished"
    assert told.output == b"the answer\n[LGI: No space left on device]\n"
    assert told.end.reason == "No space left on device"
    assert tree == []
    assert (state_full, workshop.server.jobs["2"].state) == ("queued", "running")
    assert (workshop.run_path / ".reserve").stat().st_blocks * 512 >= RESERVE_BYTES
    assert caplog.text.count("cannot write to disk") == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("error", "state"),
    [
        # What would make room is not kept back: the ends are known, and are reported.
        (OSError(28, "No space left on device"), "finished"),
        (OSError(30, "Read-only file system"), "running"),
    ],
)
def test_a_disk_that_refuses_every_write_is_reported_once(
    workshop: Workshop,
    error: OSError,
    state: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Ten jobs in ten minutes cause one line; then all continue."""
    for number in range(10):
        workshop.server.submit(str(number))
    daemon = workshop.daemon()
    workshop.tick(daemon)
    for job in daemon.jobs:
        workshop.marked(job, "is_finished")
    # That a file could be written counts for so long, on a fast machine for all that follows.
    time.sleep(FRESH_SECONDS)

    def refuse(*_arguments: object, **_more: object) -> int:
        raise error

    real_open = os.open

    def guarded(path: object, flags: int, *more: object, **options: object) -> int:
        if flags & os.O_CREAT:
            raise error
        return real_open(path, flags, *more, **options)  # type: ignore[arg-type]

    with monkeypatch.context() as full:
        full.setattr(atomic_file, "write", refuse)
        full.setattr(os, "open", guarded)
        for _second in range(60):
            workshop.tick(daemon, 10.0)
    states_full = {job.state for job in workshop.server.jobs.values()}

    workshop.tick(daemon, FAST)

    assert states_full == {state}
    assert {job.state for job in workshop.server.jobs.values()} == {"finished"}
    assert len([line for line in caplog.messages if error.strerror in line]) == 1
