"""The files of a job's directory, which the job itself can write."""

import os
from pathlib import Path

import pytest

from lgi_protocol.digest import digest
from lgi_protocol.job_directory import HASHED, OUTPUT, SCRIPTS, DamagedFileError, JobDirectory


def write(path: Path, name: str, data: bytes) -> None:
    """A file with its companion."""
    (path / name).write_bytes(data)
    (path / f"{name}.hash").write_text(digest(data))


@pytest.fixture
def job(tmp_path: Path) -> JobDirectory:
    """The directory of an accepted job."""
    for name in HASHED:
        write(tmp_path, name, f" {name} \n".encode())
    (tmp_path / OUTPUT).touch()
    return JobDirectory(tmp_path)


def test_a_whole_directory_is_valid(job: JobDirectory) -> None:
    """Its files are read with and without blanks around them."""
    job.verify()

    assert job.is_valid()
    assert job.read("LGI_job_id") == b" LGI_job_id \n"
    assert job.text("LGI_job_id") == "LGI_job_id"


def test_the_old_daemon_s_files_are_known() -> None:
    """28 files stand in the directory of a job: 27 with a digest, and the output."""
    assert len(HASHED) == len(set(HASHED)) == 27
    assert {f"LGI_{script}" for script in SCRIPTS} <= set(HASHED)
    assert OUTPUT not in HASHED


@pytest.mark.parametrize("name", [*HASHED, *(f"{name}.hash" for name in HASHED), OUTPUT])
def test_a_missing_file_is_damage(job: JobDirectory, name: str) -> None:
    """Each of them is needed, and the message says which one it is."""
    (job.path / name).unlink()

    with pytest.raises(DamagedFileError, match=f"{name}: No such file"):
        job.verify()
    assert not job.is_valid()


@pytest.mark.parametrize("name", HASHED)
def test_a_changed_file_is_damage(job: JobDirectory, name: str) -> None:
    """A digest finds accidents."""
    (job.path / name).write_bytes(b"other")

    with pytest.raises(DamagedFileError, match=rf"{name} does not match its \.hash file"):
        job.read(name)
    assert not job.is_valid()


def test_only_the_first_line_of_a_digest_counts_and_its_case_does(job: JobDirectory) -> None:
    """As the old daemon reads it."""
    noted = job.path / "LGI_state.hash"
    text = digest(job.read_plain("LGI_state"))

    noted.write_text(f"{text}\nrest")
    assert job.is_valid()
    noted.write_text(text.lower())
    assert text.lower() != text
    assert not job.is_valid()
    noted.write_bytes(b"\xff\xfe")
    assert not job.is_valid()


@pytest.mark.parametrize("name", ["LGI_state", "LGI_state.hash", OUTPUT])
def test_a_link_is_never_followed(
    job: JobDirectory, tmp_path_factory: pytest.TempPathFactory, name: str
) -> None:
    """Not even to a file with the right content."""
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "file"
    (job.path / name).rename(elsewhere)
    (job.path / name).symlink_to(elsewhere)

    with pytest.raises(DamagedFileError, match=name):
        job.verify()


def test_a_linked_directory_is_never_followed(
    job: JobDirectory, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The directory itself may be a trap too."""
    link = tmp_path_factory.mktemp("links") / "job"
    link.symlink_to(job.path)

    with pytest.raises(DamagedFileError):
        JobDirectory(link).read("LGI_state")


@pytest.mark.timeout(60)
@pytest.mark.parametrize("name", ["LGI_state", "LGI_state.hash", OUTPUT])
def test_a_pipe_does_not_hang(job: JobDirectory, name: str) -> None:
    """A pipe without a writer is refused immediately."""
    (job.path / name).unlink()
    os.mkfifo(job.path / name)

    with pytest.raises(DamagedFileError, match="not a plain file"):
        job.verify()


def test_a_directory_is_no_file(job: JobDirectory) -> None:
    """Damaged, not IsADirectoryError."""
    (job.path / OUTPUT).unlink()
    (job.path / OUTPUT).mkdir()

    with pytest.raises(DamagedFileError, match="not a plain file"):
        job.verify()


def test_no_directory_at_all_is_damage(tmp_path: Path) -> None:
    """As everything that cannot be read."""
    assert not JobDirectory(tmp_path / "nowhere").is_valid()


def test_no_more_is_read_than_was_asked_for(job: JobDirectory) -> None:
    """A job cannot fill the daemon's memory."""
    (job.path / OUTPUT).write_bytes(b"x" * 100)

    assert job.read_plain(OUTPUT, 10) == b"x" * 10
