"""A start is recorded before its process is released: a daemon killed in between has started nothing."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from lgi_daemon.execution.children import Child
from lgi_daemon.jobs.completion import LOST
from lgi_daemon.jobs.schedule import LOST_SECONDS
from lgi_daemon.loop.daemon import Daemon
from tests.support.workshop import FAST, SLOW, Workshop, only, until

from .conftest import IS_ROOT

ENDS_WELL = ': > is_finished; echo exit_code=0 > "$LGI_STATE_DIRECTORY/end"'
RELEASE = Child.release


class Killed(BaseException):
    """Stands for the end of the daemon; nothing may catch it."""


def killed_at_release(child: Child) -> None:
    """Die after the record of the start; the kernel closes the channel."""
    child.close()
    raise Killed


def killed_after_release(child: Child) -> None:
    """Die when nothing of the start is left to do."""
    RELEASE(child)
    raise Killed


def start(workshop: Workshop, daemon: Daemon) -> None:
    """Let time pass until a job starts: a new one at once, one that asks for a restart later."""
    for _step in range(4):
        workshop.tick(daemon, SLOW)


def killed(
    workshop: Workshop, daemon: Daemon, monkeypatch: pytest.MonkeyPatch, at: Callable[[Child], None]
) -> None:
    """A daemon starts its job, and is killed; the process has then ended, too."""
    released: list[Child] = []

    def release(child: Child) -> None:
        # Other scripts are released before; only the run script is recorded.
        if any(job.record.run is not None and job.record.run.pid == child.pid for job in daemon.jobs):
            released.append(child)
            at(child)
        RELEASE(child)

    with monkeypatch.context() as patch:
        patch.setattr(Child, "release", release)
        with pytest.raises(Killed):
            start(workshop, daemon)
    assert released
    until(lambda: not only(daemon).is_alive())
    daemon.run.lock.release()


def lived(workshop: Workshop) -> Daemon:
    """The next daemon, until a job that was started has ended, or is given up."""
    daemon = workshop.daemon()
    for seconds in (1.0, LOST_SECONDS, FAST, SLOW):
        workshop.tick(daemon, seconds)
        jobs = daemon.jobs
        until(lambda jobs=jobs: not any(job.is_alive() for job in jobs))  # type: ignore[misc]
    return daemon


def use_library(workshop: Workshop) -> None:
    """Make its scripts those of the library: its check writes an end for a job that has left none."""
    workshop.write_script("job_check_running_script", 'echo > "$LGI_STATE_DIRECTORY/end"; false')
    for script in workshop.originals.glob("job_*"):
        script.write_text(f"{script.read_text()}exit\n. LGI_backend\n")


@pytest.mark.parametrize("library", [False, True])
def test_a_job_that_was_recorded_but_not_released_is_started_once(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, library: bool
) -> None:
    """It has not run, whatever its scripts make of its missing marks."""
    workshop.write_script("job_run_script", ENDS_WELL)
    if library:
        use_library(workshop)
    workshop.server.submit("1")
    killed(workshop, workshop.daemon(), monkeypatch, killed_at_release)
    runs_then = workshop.acts().count("run")

    lived(workshop)

    job = workshop.server.jobs["1"]
    assert (runs_then, workshop.acts().count("run")) == (0, 1)
    assert (job.state, job.end.reason) == ("finished", "")


def test_a_job_that_was_released_and_left_nothing_is_not_started_again(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may have done all its work."""
    workshop.write_script("job_run_script", "rm -f *")
    workshop.server.submit("1")
    killed(workshop, workshop.daemon(), monkeypatch, killed_after_release)

    lived(workshop)

    assert workshop.acts().count("run") == 1
    assert workshop.server.jobs["1"].end.reason == LOST


def test_a_second_start_that_was_not_released_is_made_once(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first one has asked for it, and is none that was never released; nor is the second, afterwards."""
    count = '"$LGI_STATE_DIRECTORY/count"'
    workshop.write_script(
        "job_run_script", f'[ -e {count} ] || {{ : > {count}; : > "$LGI_STATE_DIRECTORY/again"; exit 75; }}'
    )
    workshop.server.submit("1")
    daemon = workshop.daemon()
    workshop.tick(daemon)
    until(lambda: not only(daemon).is_alive())
    killed(workshop, daemon, monkeypatch, killed_at_release)
    runs_then = workshop.acts().count("run")

    lived(workshop)

    assert (runs_then, workshop.acts().count("run")) == (1, 2)
    assert workshop.server.jobs["1"].end.reason == LOST


@pytest.mark.parametrize("cause", ["another boot", "an older daemon"])
def test_a_start_of_which_it_is_not_certain_that_it_was_held_is_lost(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, cause: str
) -> None:
    """A power failure may bring back what was deleted at the release; an older daemon notes no release."""
    workshop.server.submit("1")
    daemon = workshop.daemon()
    killed(workshop, daemon, monkeypatch, killed_at_release)
    job = only(daemon)
    assert job.record.run is not None
    if cause == "another boot":
        job.run.save(replace(job.record, run=replace(job.record.run, boot="another")))
    else:
        (hold,) = (workshop.run_path / ".records").glob("*/*.hold")
        hold.unlink()

    lived(workshop)

    assert "run" not in workshop.acts()
    assert workshop.server.jobs["1"].end.reason == LOST


@pytest.mark.skipif(not IS_ROOT, reason="needs root")
def test_a_job_cannot_say_that_it_was_not_released(workshop: Workshop) -> None:
    """It would be started for ever."""
    workshop.write_script("job_run_script", ': > "$0.hold"; ln "$0" "$0.hold"; rm -f *')
    workshop.server.submit("1")
    daemon = workshop.daemon()
    workshop.tick(daemon)
    until(lambda: not only(daemon).is_alive())
    daemon.run.lock.release()

    lived(workshop)

    assert workshop.acts().count("run") == 1
    assert workshop.server.jobs["1"].end.reason == LOST
