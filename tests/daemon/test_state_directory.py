"""The state directory of a job: outside the job's directory, for its scripts, and kept over restarts."""

import os
import stat
from dataclasses import replace

import pytest

from lgi_daemon.files.file_tail import LiveOutput
from lgi_daemon.rundir.record import JobRecord
from tests.support.workshop import FAST, Workshop, only, until

from .conftest import IS_ROOT
from .test_one_bad_job import nest


def running(workshop: Workshop, tell: str = "") -> JobRecord:
    """The record of a job that runs."""
    workshop.write_script("job_run_script", f": > is_running; {tell}")
    workshop.server.submit("1")
    daemon = workshop.daemon()
    workshop.tick(daemon)
    workshop.marked(only(daemon), "is_running")
    daemon.run.lock.release()
    return only(daemon).record


def test_scripts_are_given_a_state_directory_out_of_the_reach_of_the_job(workshop: Workshop) -> None:
    """It is in the directory of the record, private, and writable for the user of the scripts."""
    record = running(workshop, 'echo "$LGI_STATE_DIRECTORY" > "$LGI_STATE_DIRECTORY/told"')

    state = workshop.run_path / ".records" / record.reference / "state"
    until(lambda: (state / "told").exists())
    status = state.stat()

    assert (state / "told").read_text() == f"{state}\n"
    assert stat.S_IMODE(status.st_mode) == 0o700
    assert status.st_uid == (record.uid if IS_ROOT else os.geteuid())


@pytest.mark.slow
def test_the_state_directory_is_made_again_and_goes_with_the_job(workshop: Workshop) -> None:
    """However deep the job has nested directories in it."""
    record = running(workshop)
    state = workshop.run_path / ".records" / record.reference / "state"
    state.rmdir()

    daemon = workshop.daemon()
    is_back = state.is_dir()
    nest(state)
    workshop.marked(only(daemon), "is_finished")
    workshop.tick(daemon, FAST)

    assert is_back
    assert workshop.server.jobs["1"].state == "finished"
    assert list((workshop.run_path / ".records").iterdir()) == []


@pytest.mark.parametrize("began", [True, False])
def test_a_job_of_an_older_daemon_keeps_its_marks_where_they_are(workshop: Workshop, began: bool) -> None:
    """Once it has begun: its payload and its marks know of no state directory."""
    record = running(workshop)
    run = workshop.run_directory()
    old = replace(record, has_state_directory=False, run=record.run if began else None)
    (workshop.run_path / ".records" / record.reference / "state").rmdir()
    run.save(old)
    run.lock.release()

    daemon = workshop.daemon()
    job = only(daemon)
    directory = job.run.files(job.record).path

    assert ("LGI_STATE_DIRECTORY" in job.context.hints) is not began
    assert job.run.state(job.record) == (
        directory / ".LGI_job" if began else workshop.run_path / ".records" / record.reference / "state"
    )
    daemon.run.lock.release()


def test_the_output_of_an_older_daemons_job_can_be_seen(workshop: Workshop) -> None:
    """Its streams are read where they are."""
    record = running(workshop)
    run = workshop.run_directory()
    run.save(replace(record, has_state_directory=False))
    run.lock.release()
    daemon = workshop.daemon()
    job = only(daemon)
    files = job.run.files(job.record)
    (files.path / ".LGI_job").mkdir()
    (files.path / ".LGI_job" / "stdout").write_text("hello\n")
    if files.owner is not None:
        os.chown(files.path / ".LGI_job" / "stdout", files.owner, files.owner)

    output = LiveOutput(files.path, job.run.state(job.record), files.owner)

    assert output.read(100) == (0, b"hello\n")
    output.close()
    daemon.run.lock.release()


@pytest.mark.parametrize("trick", ["shut", "file", "link", "gone"])
def test_a_job_that_spoils_the_place_of_its_directory_gets_it_back(workshop: Workshop, trick: str) -> None:
    """Its scripts can be started again; what stood in the way is kept for the administrator."""
    record = running(workshop)
    daemon = workshop.daemon()
    directory = daemon.run.files(record).path
    if trick == "shut":
        directory.chmod(0)
    else:
        directory.rename(workshop.place / "away")
    if trick == "file":
        directory.touch()
    if trick == "link":
        directory.symlink_to(workshop.place)

    daemon.run.restore(record)

    assert stat.S_IMODE(directory.lstat().st_mode) == 0o700
    assert directory.is_dir()
    assert (directory / "LGI_job_id").read_text() == "1"
    assert (workshop.run_path / ".broken").exists() is (trick in ("file", "link"))
    daemon.run.lock.release()
