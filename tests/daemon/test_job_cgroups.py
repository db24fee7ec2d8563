"""Cgroups of jobs: what is written to which file. That the kernel does it is tested in tests/vm."""

import os
import signal
from pathlib import Path

import pytest

from lgi_daemon.execution import job_scope
from lgi_daemon.execution.bounds import JobBounds
from lgi_daemon.execution.job_cgroups import JobCgroups
from lgi_daemon.execution.job_scope import JobScope, NoScopeError
from lgi_daemon.jobs import excess
from lgi_daemon.jobs.job import LocalJob
from lgi_daemon.loop.daemon import Daemon
from tests.support.workshop import Workshop, only, until

A_JOB = "A" * 32


def events(folder: Path, oom: int, oom_kill: int) -> None:
    """What the kernel counts."""
    (folder / "memory.events").write_text(f"low 0\nhigh 0\nmax 7\noom {oom}\noom_kill {oom_kill}\n")


def emptied(folder: Path) -> Path:
    """A cgroup can be removed though there are files in it; no other directory."""
    for file in folder.iterdir():
        file.unlink()
    return folder


@pytest.fixture
def cgroups(place: Path) -> JobCgroups:
    """Those of a daemon that has none yet."""
    return JobCgroups(place)


def test_a_cgroup_has_a_limit_before_its_first_process(cgroups: JobCgroups, place: Path) -> None:
    """In bytes."""
    cgroups.enter(A_JOB, 17, 100)

    made = place / f"job_{A_JOB}"
    files = {path.name: path.read_text() for path in made.iterdir()}
    assert files == {"memory.max": "104857600", "cgroup.procs": "17"}
    assert cgroups.has(A_JOB)


def test_a_limit_is_written_again_only_when_it_changes(cgroups: JobCgroups, place: Path) -> None:
    """It is compared once a second."""
    cgroups.enter(A_JOB, 17, 100)
    limit = place / f"job_{A_JOB}" / "memory.max"
    limit.unlink()

    cgroups.set_limit(A_JOB, 100)
    assert not limit.exists()

    cgroups.set_limit(A_JOB, 50)
    assert limit.read_text() == "52428800"


@pytest.mark.parametrize(("oom", "oom_kill", "kills"), [(0, 0, 0), (2, 0, 0), (3, 2, 2), (0, 1, 0)])
def test_a_kill_counts_when_the_job_was_at_its_limit(
    cgroups: JobCgroups, place: Path, oom: int, oom_kill: int, kills: int
) -> None:
    """A machine without memory kills too; that is not said to be the limit of the job."""
    cgroups.enter(A_JOB, 17, 100)
    events(place / f"job_{A_JOB}", oom, oom_kill)

    assert cgroups.kills(A_JOB) == kills


def test_a_failure_leaves_no_cgroup(place: Path) -> None:
    """The daemon then adds the memory up."""
    cgroups = JobCgroups(place / "gone")

    with pytest.raises(OSError, match="gone"):
        cgroups.enter(A_JOB, 17, 100)

    assert not cgroups.has(A_JOB)
    assert cgroups.kills(A_JOB) == 0


def test_a_daemon_without_cgroups_makes_no_directory(place: Path) -> None:
    """Nothing is done for a job then."""
    cgroups = JobCgroups()

    cgroups.enter(A_JOB, 17, 100)
    cgroups.remove(A_JOB)

    assert not cgroups.has(A_JOB)
    assert list(place.iterdir()) == []


def test_a_restarted_daemon_keeps_the_cgroups_of_its_jobs(place: Path) -> None:
    """Those of jobs that are gone are removed; others' directories are not."""
    for name in (f"job_{A_JOB}", "job_" + "B" * 32, "holder"):
        (place / name).mkdir()
    cgroups = JobCgroups(place)

    cgroups.recover({A_JOB})

    assert cgroups.has(A_JOB)
    assert sorted(os.listdir(place)) == ["holder", f"job_{A_JOB}"]


def test_a_cgroup_is_removed_with_the_job(cgroups: JobCgroups, place: Path) -> None:
    """A second removal does nothing."""
    cgroups.enter(A_JOB, 17, 100)
    emptied(place / f"job_{A_JOB}")

    cgroups.remove(A_JOB)
    cgroups.remove(A_JOB)

    assert list(place.iterdir()) == []
    assert not cgroups.has(A_JOB)


def started(workshop: Workshop, folder: Path, body: str) -> tuple[Daemon, LocalJob]:
    """A job with a bound of 100 MB and a cgroup."""
    workshop.bounds = JobBounds(memory=100)
    workshop.write_script("job_run_script", f"{body}; : > begun; sleep 60 & wait")
    workshop.server.submit("1")
    daemon = workshop.daemon()
    daemon.scripts.cgroups.folder = folder
    workshop.tick(daemon)
    job = only(daemon)
    until(lambda: (job.run.files(job.record).path / "begun").exists())
    return daemon, job


def test_a_job_that_the_kernel_has_killed_says_why(workshop: Workshop, place: Path) -> None:
    """In the words that are used where memory is added up; what is left of it is killed."""
    daemon, job = started(workshop, place, ":")
    made = place / f"job_{job.record.reference}"
    assert (made / "cgroup.procs").read_text() == str(job.record.run.pid if job.record.run else 0)
    events(made, 1, 1)

    workshop.tick(daemon, 1.0)
    until(lambda: not job.is_alive())
    emptied(made)

    def is_reported() -> bool:
        workshop.tick(daemon, 5.0)
        return workshop.server.jobs["1"].state != "running"

    until(is_reported)

    ended = workshop.server.jobs["1"]
    assert ended.state == "finished"
    assert ended.end.reason == "it used more than 100 MB"
    assert ended.output == b"[LGI: it used more than 100 MB]\n"


def test_processes_that_a_job_starts_while_it_is_killed_do_not_outlive_it(
    workshop: Workshop, place: Path
) -> None:
    """A process is not yet in the table that is read for the kill; its job does not wait for its end."""
    daemon, job = started(workshop, place, "(sleep 60 &)")
    emptied(place / f"job_{job.record.reference}")
    excess.note(job, "it used more than 100 MB")
    os.kill(job.record.run.pid if job.record.run else 0, signal.SIGKILL)

    def is_reported() -> bool:
        workshop.tick(daemon, 5.0)
        return workshop.server.jobs["1"].state == "finished"

    until(is_reported)

    assert workshop.server.jobs["1"].end.reason == "it used more than 100 MB"


def test_a_limit_that_a_job_asks_for_is_that_of_its_cgroup(workshop: Workshop, place: Path) -> None:
    """It is known once the run script has written it."""
    daemon, job = started(workshop, place, 'echo 50 > "$LGI_STATE_DIRECTORY/memory_limit"')
    made = place / f"job_{job.record.reference}"

    workshop.tick(daemon, 1.0)

    assert (made / "memory.max").read_text() == "52428800"
    emptied(made)
    job.remove()
    assert not made.exists()


def test_a_system_without_such_cgroups_is_told_from_others(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No program is started then."""
    monkeypatch.setattr(job_scope, "CGROUPS", place)
    assert "no control groups of version 2" in job_scope.problem()

    (place / "cgroup.controllers").write_text("cpu memory pids\n")
    monkeypatch.setattr(job_scope, "SYSTEMD", place / "nothing")
    assert job_scope.problem() == "systemd does not run here"
    with pytest.raises(NoScopeError, match="systemd does not run"):
        JobScope("0" * 32).open()
