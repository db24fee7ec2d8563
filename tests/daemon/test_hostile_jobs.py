"""What a job can do to its directory, and how little comes of it."""

import os
from pathlib import Path

import pytest

from tests.support.workshop import FAST, Workshop, only

from .conftest import IS_ROOT


def test_a_linked_output_shows_nothing_of_others(workshop: Workshop) -> None:
    """Hole D2: LGI_output as a link would send any file the daemon can read."""
    workshop.server.submit("1")
    secret = workshop.place / "secret"
    secret.write_text("private key")
    daemon = workshop.daemon()
    workshop.tick(daemon)
    job = only(daemon)
    workshop.marked(job, "is_finished")
    output = job.run.files(job.record).path / "LGI_output"
    output.unlink()
    output.symlink_to(secret)

    workshop.tick(daemon, 1.0)

    assert workshop.server.jobs["1"].state == "finished"
    assert workshop.server.jobs["1"].output == b""
    assert secret.read_text() == "private key"


@pytest.mark.parametrize("kind", ["pipe", "directory"])
def test_an_output_that_is_no_file_does_not_block(workshop: Workshop, kind: str) -> None:
    """A pipe without a writer must not stop the daemon."""
    workshop.server.submit("1")
    daemon = workshop.daemon()
    workshop.tick(daemon)
    job = only(daemon)
    workshop.marked(job, "is_finished")
    output = job.run.files(job.record).path / "LGI_output"
    output.unlink()
    os.mkfifo(output) if kind == "pipe" else output.mkdir()

    workshop.tick(daemon, 1.0)

    assert workshop.server.jobs["1"].state == "finished"


def test_a_job_cannot_change_what_is_run_for_it(workshop: Workshop) -> None:
    """Hole D1, ruling 9: scripts and uid come from the record, where no job writes; after a restart too."""
    workshop.server.submit("1")
    daemon = workshop.daemon()
    workshop.tick(daemon)
    job = only(daemon)
    workshop.marked(job, "is_running")
    directory = job.run.files(job.record).path
    for name in ("LGI_job_check_running_script", "LGI_job_sandbox_uid", "LGI_job_id"):
        (directory / name).unlink()
        (directory / name).write_text("#!/bin/sh\n: > /tmp/never\nexit 1\n")
    workshop.tick(daemon, 2.0)

    daemon = workshop.restart(daemon)
    workshop.tick(daemon, FAST)

    assert only(daemon).record.job_id == "1"
    assert only(daemon).record.uid == job.record.uid
    assert workshop.acts().count("prologue") == 1
    assert not Path("/tmp/never").exists()


def test_edited_originals_do_not_touch_a_running_job(workshop: Workshop) -> None:
    """Scripts are frozen when a job is accepted."""
    workshop.server.submit("1")
    daemon = workshop.daemon()
    workshop.tick(daemon)
    workshop.marked(only(daemon), "is_finished")
    workshop.write_script("job_epilogue_script", "exit 1")

    workshop.tick(daemon, 1.0)

    assert workshop.server.jobs["1"].state == "finished"


@pytest.mark.skipif(not IS_ROOT, reason="needs root")
def test_every_job_has_a_user_and_a_closed_directory_of_its_own_under_root(workshop: Workshop) -> None:
    """Hole D6: a random uid of the reserved range; no other user can read directory, record or scripts."""
    for job_id in ("1", "2"):
        workshop.server.submit(job_id)
    daemon = workshop.daemon()
    workshop.tick(daemon)

    uids = [job.record.uid for job in daemon.jobs]
    assert len(set(uids)) == 2
    for job in daemon.jobs:
        info = job.run.files(job.record).path.stat()
        assert (info.st_uid, info.st_mode & 0o777) == (job.record.uid, 0o700)
        assert 2_000_000 <= job.record.uid < 3_000_000
        script = job.run.script(job.record, "job_run_script").stat()
        assert (script.st_uid, script.st_gid, script.st_mode & 0o777) == (0, job.record.uid, 0o550)
