"""A job runs once: what was started and has left nothing behind ends, and is not started again."""

import shutil
from dataclasses import replace

import pytest

from lgi_daemon.jobs.completion import LOST
from lgi_daemon.jobs.job import LocalJob
from lgi_daemon.jobs.schedule import LOST_SECONDS
from lgi_daemon.loop.daemon import Daemon
from lgi_protocol.job_end import End
from tests.support.workshop import FAST, SLOW, Workshop, only, until

# Scripts know the job's directory as their working directory.
CLEANUPS = [
    "find . -mindepth 1 -delete",
    'cd ..; rm -rf "$OLDPWD"',
    "rm is_running; chmod 0 .",
    "rm -f *; touch is_not_running",
]


def started(workshop: Workshop, body: str) -> Daemon:
    """A daemon with a job whose run script has ended."""
    workshop.write_script("job_run_script", body)
    workshop.server.submit("1")
    daemon = workshop.daemon()
    workshop.tick(daemon)
    until(lambda: not only(daemon).is_alive())
    return daemon


def state(job: LocalJob, name: str) -> str:
    """A file in a job's state directory."""
    return str(job.run.state(job.record) / name)


@pytest.mark.parametrize("cleanup", CLEANUPS)
@pytest.mark.parametrize("restart", [False, True])
def test_a_job_that_deletes_its_marks_ends_without_a_second_start(
    workshop: Workshop, cleanup: str, restart: bool
) -> None:
    """Its end is unknown, which its output says for older programs; the resource continues."""
    daemon = started(workshop, f": > is_running; {cleanup}")
    if restart:
        daemon = workshop.restart(daemon)

    for seconds in (1.0, LOST_SECONDS, FAST, SLOW):
        workshop.tick(daemon, seconds)

    job = workshop.server.jobs["1"]
    assert (job.state, job.end) == ("finished", End(reason=LOST))
    assert job.output.endswith(f"[LGI: no exit code: {LOST}]\n".encode())
    assert workshop.acts().count("run") == 1
    assert daemon.circuit_breaker.open_for("LGI", "hello_world") == 0.0


def test_a_machine_that_goes_down_does_not_run_a_job_twice(workshop: Workshop) -> None:
    """The process is of another boot, and the power failure has cost the marks."""
    daemon = started(workshop, ":")
    job = only(daemon)
    assert job.record.run is not None
    job.run.save(replace(job.record, run=replace(job.record.run, boot="another")))
    shutil.rmtree(job.run.state(job.record))

    daemon = workshop.restart(daemon)
    workshop.tick(daemon, 1.0)
    workshop.tick(daemon, LOST_SECONDS)

    assert workshop.server.jobs["1"].end.reason == LOST
    assert workshop.acts().count("run") == 1


def test_a_job_that_runs_on_in_a_deleted_directory_is_running(workshop: Workshop) -> None:
    """It is known by its process, which the record names, and ends in its own time."""
    workshop.write_script(
        "job_run_script", 'echo exit_code=4 > "$LGI_STATE_DIRECTORY/end"; rm -rf "$PWD"; sleep 60'
    )
    workshop.server.submit("1")
    daemon = workshop.daemon()
    workshop.tick(daemon)
    directory = only(daemon).run.files(only(daemon).record).path
    until(lambda: not (directory / "LGI_input").exists())

    for seconds in (1.0, FAST, FAST):
        workshop.tick(daemon, seconds)
    state_then = workshop.server.jobs["1"].state
    only(daemon).scripts.reap()
    daemon = workshop.restart(daemon)
    workshop.tick(daemon, FAST)

    assert state_then == workshop.server.jobs["1"].state == "running"
    assert workshop.acts().count("run") == 1
    only(daemon).remove()


@pytest.mark.parametrize("restart", [False, True])
def test_a_run_script_that_has_started_nothing_is_started_again_when_it_asks(
    workshop: Workshop, restart: bool
) -> None:
    """An example is a job that the batch system has refused; each restart needs a new request."""
    count = '"$LGI_STATE_DIRECTORY/count"'
    body = (
        f'echo >> {count}; [ "$(wc -l < {count})" -gt 2 ] || {{ : > "$LGI_STATE_DIRECTORY/again"; exit 75; }}'
    )
    daemon = started(workshop, f"{body}; exit 1")

    for _look in range(3):
        if restart:
            daemon = workshop.restart(daemon)
        workshop.tick(daemon, SLOW)
        jobs = daemon.jobs
        until(lambda jobs=jobs: not any(job.is_alive() for job in jobs))  # type: ignore[misc]
    starts = workshop.acts().count("run")
    for seconds in (1.0, LOST_SECONDS, SLOW):
        workshop.tick(daemon, seconds)

    assert starts == workshop.acts().count("run") == 3
    assert workshop.server.jobs["1"].end.reason == LOST


def test_a_run_script_that_asks_again_waits_longer_each_time(workshop: Workshop) -> None:
    """A batch system that is down is not asked every second."""
    daemon = started(workshop, ': > "$LGI_STATE_DIRECTORY/again"; exit 75')

    for _step in range(60):
        until(lambda: not only(daemon).is_alive())
        workshop.tick(daemon, FAST / 2)

    assert 5 <= workshop.acts().count("run") <= 10
    assert workshop.server.jobs["1"].state == "running"


def test_a_link_is_no_request_for_another_start(workshop: Workshop) -> None:
    """Only a plain file in the state directory is."""
    daemon = started(workshop, 'ln -s /etc/passwd "$LGI_STATE_DIRECTORY/again"')

    workshop.tick(daemon, 1.0)
    workshop.tick(daemon, LOST_SECONDS)

    assert workshop.acts().count("run") == 1
    assert workshop.server.jobs["1"].state == "finished"


def test_a_job_aborted_with_nothing_left_of_it_is_aborted(workshop: Workshop) -> None:
    """Its user wanted that, whatever has become of it."""
    daemon = started(workshop, "rm -f *")
    workshop.server.change("1", state="aborting")

    workshop.tick(daemon, FAST)
    workshop.tick(daemon, FAST)

    assert workshop.server.jobs["1"].state == "aborted"
    assert workshop.server.jobs["1"].end == End()


def test_an_adopted_job_that_was_started_is_not_started_again(workshop: Workshop) -> None:
    """LGI 1.31 notes the number of the process in the job's directory."""
    daemon = started(workshop, ":")
    daemon.run.lock.release()
    shutil.rmtree(workshop.run_path / ".records")

    daemon = workshop.daemon()
    for seconds in (1.0, LOST_SECONDS, FAST):
        workshop.tick(daemon, seconds)

    assert workshop.acts().count("run") == 1
    assert workshop.server.jobs["1"].end.reason == LOST
