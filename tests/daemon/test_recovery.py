"""What a daemon makes of its run directory when it starts."""

import json
import logging
import os
import shutil
from pathlib import Path

import pytest

from lgi_daemon.jobs.lifecycle import ServerIntent
from lgi_daemon.rundir.directory_lock import DirectoryInUseError
from lgi_daemon.rundir.run_directory import RunDirectory
from lgi_protocol.digest import digest
from tests.support.workshop import FAST, Workshop, only


def old_directory(workshop: Workshop) -> Path:
    """A valid job directory without any record, as LGI 1.31 leaves it, its job running."""
    workshop.server.submit("1")
    daemon = workshop.daemon()
    workshop.tick(daemon)
    job = only(daemon)
    workshop.marked(job, "is_running")
    daemon.run.lock.release()
    shutil.rmtree(workshop.run_path / ".records")
    return job.run.files(job.record).path


def rewrite(path: Path, data: bytes) -> None:
    """Change an LGI_* file and its digest, as a job can."""
    for target, text in ((path, data), (path.with_name(path.name + ".hash"), digest(data).encode())):
        target.unlink()
        target.write_bytes(text)


def test_an_old_daemons_job_is_adopted_and_ends_well(workshop: Workshop) -> None:
    """Existing run directories can be taken over."""
    old_directory(workshop)

    daemon = workshop.daemon()
    workshop.marked(only(daemon), "is_finished")
    workshop.tick(daemon, FAST)

    assert workshop.server.jobs["1"].state == "finished"
    assert workshop.tree() == []


def test_an_old_daemons_invalidated_job_is_stale(workshop: Workshop) -> None:
    """The reference "! INVALID !" stays what it means."""
    directory = old_directory(workshop)
    rewrite(directory / "LGI_daemon_reference", b"! INVALID !")

    daemon = workshop.daemon()

    assert only(daemon).intent is ServerIntent.STALE


@pytest.mark.parametrize("name", ["LGI_state", "LGI_job_run_script"])
def test_a_damaged_directory_without_record_is_set_aside(
    workshop: Workshop, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing is lost or run; the daemon starts, and the log names the file."""
    logging.getLogger("lgi_daemon").propagate = True
    directory = old_directory(workshop)
    (directory / name).unlink()
    (directory / name).write_bytes(b"something else")

    daemon = workshop.daemon()

    assert len(daemon.jobs) == 0
    assert (workshop.run_path / ".broken" / directory.name / name).read_bytes() == b"something else"
    assert f"{directory / name} does not match its .hash file" in caplog.text


def test_a_directory_an_old_daemon_never_completed_is_set_aside(workshop: Workshop) -> None:
    """Without LGI_input the job was never accepted."""
    directory = old_directory(workshop)
    (directory / "LGI_input").unlink()

    assert len(workshop.daemon().jobs) == 0
    assert (workshop.run_path / ".broken" / directory.name).is_dir()


def test_a_job_planted_inside_another_is_not_found(workshop: Workshop) -> None:
    """Hole D4: Only directories where the daemon makes them count: a job cannot plant another in its own."""
    workshop.server.submit("1")
    daemon = workshop.daemon()
    workshop.tick(daemon)
    directory = only(daemon).run.files(only(daemon).record).path
    planted = directory / "LGI" / "hello_world" / f"JOB_{'A' * 32}"
    planted.parent.mkdir(parents=True)
    shutil.copytree(directory, planted, ignore=shutil.ignore_patterns("LGI"))

    daemon = workshop.restart(daemon)

    assert len(daemon.jobs) == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_an_adopted_job_runs_as_the_owner_of_its_directory(workshop: Workshop) -> None:
    """Hole D1: the uid in a file may be forged by the job."""
    directory = old_directory(workshop)
    owner = directory.stat().st_uid
    rewrite(directory / "LGI_job_sandbox_uid", b"0")

    daemon = workshop.daemon()

    assert only(daemon).record.uid == owner != 0


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_a_directory_of_root_is_not_adopted(workshop: Workshop) -> None:
    """Hole D4: No job runs as root."""
    directory = old_directory(workshop)
    os.chown(directory, 0, 0)

    assert len(workshop.daemon().jobs) == 0


def test_a_broken_record_does_not_cost_the_job(workshop: Workshop) -> None:
    """The record goes aside, the directory is adopted by its digests."""
    workshop.server.submit("1")
    daemon = workshop.daemon()
    workshop.tick(daemon)
    reference = only(daemon).record.reference
    (workshop.run_path / ".records" / reference / "record.json").write_text("{")

    daemon = workshop.restart(daemon)

    assert only(daemon).record.reference == reference
    assert (workshop.run_path / ".broken" / reference).is_dir()


def test_the_record_of_a_newer_daemon_is_read(workshop: Workshop) -> None:
    """After a downgrade the jobs are kept; unknown values are ignored."""
    workshop.server.submit("1")
    daemon = workshop.daemon()
    workshop.tick(daemon)
    workshop.marked(only(daemon), "is_running")
    record = only(daemon).record
    file = workshop.run_path / ".records" / record.reference / "record.json"
    stored = json.loads(file.read_text())
    for part in (stored, stored["limits"], stored["bounds"], stored["end"], stored["run"]):
        part["of_a_newer_daemon"] = 1
    file.write_text(json.dumps(stored))

    daemon = workshop.restart(daemon)

    assert only(daemon).record == record


def test_a_job_whose_directory_was_deleted_gets_it_back(workshop: Workshop) -> None:
    """The record is enough to begin again."""
    workshop.server.submit("1")
    daemon = workshop.daemon()
    workshop.tick(daemon)
    workshop.marked(only(daemon))
    shutil.rmtree(only(daemon).run.files(only(daemon).record).path)

    daemon = workshop.restart(daemon)

    assert only(daemon).run.files(only(daemon).record).output(10) == (b"", "")


def test_a_second_daemon_is_refused_with_the_pid_of_the_first(workshop: Workshop) -> None:
    """There is one daemon per run directory; after its end another may start."""
    first = workshop.run_directory()
    second = RunDirectory(workshop.run_path, workshop.as_root)

    with pytest.raises(DirectoryInUseError, match=rf"pid {os.getpid()}\)"):
        second.claim()
    first.lock.release()
    second.claim()
    second.lock.release()


def test_a_resisting_directory_is_removed_all_the_same(workshop: Workshop) -> None:
    """Hole D3: Closed directories and links to elsewhere: the tree goes, what is linked stays."""
    workshop.server.submit("1")
    daemon = workshop.daemon()
    workshop.tick(daemon)
    job = only(daemon)
    workshop.marked(job, "is_finished")
    directory = job.run.files(job.record).path
    precious = workshop.place / "precious"
    precious.mkdir()
    (precious / "file").write_text("keep")
    (directory / "link").symlink_to(precious)
    (directory / "dangling").symlink_to("/nowhere")
    closed = directory / "closed"
    (closed / "inner").mkdir(parents=True)
    closed.chmod(0)

    workshop.tick(daemon, 1.0)

    assert workshop.tree() == []
    assert (precious / "file").read_text() == "keep"
