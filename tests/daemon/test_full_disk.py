"""A full disk: ends of jobs are reported, and failed steps are not repeated for ever."""

import errno
import os
from pathlib import Path

import pytest

from lgi_daemon.files import atomic_file
from lgi_daemon.files.reserve import RESERVE_BYTES, Reserve
from lgi_daemon.jobs import completion
from lgi_daemon.jobs.completion import FULL
from lgi_daemon.jobs.failure_count import EX_TEMPFAIL
from lgi_daemon.loop.daemon import Daemon
from lgi_daemon.rundir.job_files import JobFiles
from lgi_daemon.rundir.run_directory import RunDirectory
from tests.support.workshop import FAST, Workshop, only

_REAL_WRITE = atomic_file.write


def finished(workshop: Workshop) -> Daemon:
    """A daemon with a job that has finished and has made a file."""
    workshop.server.submit("1")
    daemon = workshop.daemon()
    workshop.tick(daemon)
    job = only(daemon)
    workshop.marked(job, "is_finished")
    directory = job.run.files(job.record).path
    (directory / "LGI_output").write_bytes(b"so far")
    (directory / "big").mkdir()
    (directory / "big" / "file").write_bytes(b"x" * 1000)
    return daemon


def test_a_failing_epilogue_on_a_full_disk_is_not_tried_for_ever(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is run with the reserved space, then with the space of the job's own files, then no more."""
    workshop.write_script("job_epilogue_script", "exit 1")
    daemon = finished(workshop)
    monkeypatch.setattr(RunDirectory, "is_full", lambda _run: True)

    workshop.tick(daemon, 1.0)

    job = workshop.server.jobs["1"]
    assert workshop.acts().count("epilogue") == 3
    assert job.state == "finished"
    assert job.end.reason == f"{FULL}: job_epilogue_script failed; files may be missing"
    assert job.output.startswith(b"so far\n[LGI: No space left on device: ")


def test_a_full_disk_costs_no_results_while_the_server_is_away(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An epilogue that says "later" keeps its files, however full the disk."""
    workshop.write_script("job_epilogue_script", f"exit {EX_TEMPFAIL}")
    daemon = finished(workshop)
    monkeypatch.setattr(RunDirectory, "is_full", lambda _run: True)

    for _look in range(5):
        workshop.tick(daemon, FAST)

    job = only(daemon)
    assert (job.run.files(job.record).path / "big" / "file").exists()
    assert workshop.server.jobs["1"].state == "running"


def test_a_server_on_the_same_full_disk_gets_room_for_the_report(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It answers, and takes no files for a minute: those of the job are deleted, which its user is told."""
    workshop.write_script("job_epilogue_script", f"[ ! -e big ] || exit {EX_TEMPFAIL}")
    daemon = finished(workshop)
    big = only(daemon).run.files(only(daemon).record).path / "big"
    monkeypatch.setattr(RunDirectory, "is_full", lambda _run: big.exists())
    workshop.tick(daemon, 1.0)
    assert workshop.server.jobs["1"].state == "running"
    monkeypatch.setattr(completion, "PATIENCE", 0.0)

    workshop.tick(daemon, FAST)

    job = workshop.server.jobs["1"]
    assert job.state == "finished"
    assert completion.DELETED in job.end.reason
    assert job.output.startswith(b"so far")


def test_a_record_that_finds_no_room_takes_that_of_the_jobs_files(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This happens when the reserve was used by other jobs."""
    daemon = finished(workshop)
    job = only(daemon)
    big = job.run.files(job.record).path / "big"
    real = atomic_file.write

    def write(folder: Path, name: str, *more: object, **options: object) -> None:
        if name == "record.json" and big.exists():
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(folder, name, *more, **options)  # type: ignore[arg-type]

    with monkeypatch.context() as full:
        full.setattr(atomic_file, "write", write)
        workshop.tick(daemon, 1.0)

    assert workshop.server.jobs["1"].state == "finished"
    assert workshop.server.jobs["1"].output.startswith(b"so far")
    assert workshop.tree() == []


def no_room_for_records(folder: Path, name: str, *more: object, **options: object) -> None:
    """Write all files but records, as when other jobs take all that becomes free."""
    if name == "record.json":
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    _REAL_WRITE(folder, name, *more, **options)  # type: ignore[arg-type]


def test_an_end_is_reported_though_its_record_never_finds_room(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another job may fill the disk for ever: the end is kept in memory and reported."""
    daemon = finished(workshop)
    monkeypatch.setattr(atomic_file, "write", no_room_for_records)

    workshop.tick(daemon, 1.0)

    assert workshop.server.jobs["1"].state == "finished"
    assert workshop.server.jobs["1"].output.startswith(b"so far")
    assert workshop.acts().count("epilogue") == 1


def test_a_job_that_is_no_longer_ours_makes_room_though_its_record_finds_none(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its removal frees what it holds; it waits for no write."""
    daemon = finished(workshop)
    del workshop.server.jobs["1"]
    monkeypatch.setattr(atomic_file, "write", no_room_for_records)

    for _cycle in range(3):
        workshop.tick(daemon, FAST)

    assert workshop.tree() == []


def test_only_the_jobs_own_files_make_room(tmp_path: Path) -> None:
    """LGI's files stay, and so do targets of links."""
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "file").touch()
    job = tmp_path / "job"
    (job / "folder").mkdir(parents=True)
    for name in ("LGI_output", ".LGI_job_key", "result", ".hidden", "folder/inner"):
        (job / name).touch()
    (job / "link").symlink_to(tmp_path / "precious")

    JobFiles(job, None).empty()

    assert sorted(path.name for path in job.iterdir()) == [".LGI_job_key", "LGI_output"]
    assert (tmp_path / "precious" / "file").exists()


def test_a_reserve_is_given_once_and_kept_again(tmp_path: Path) -> None:
    """It occupies disk space, and no link in its place is followed."""
    reserve = Reserve(tmp_path / ".reserve")
    reserve.allocate()
    blocks = (tmp_path / ".reserve").stat().st_blocks * 512
    given = [reserve.release(), reserve.release()]
    (tmp_path / "target").touch()
    (tmp_path / ".reserve").symlink_to(tmp_path / "target")
    reserve.allocate()

    assert blocks >= RESERVE_BYTES
    assert given == [True, False]
    assert (tmp_path / "target").stat().st_size == 0
