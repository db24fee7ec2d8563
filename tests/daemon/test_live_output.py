"""What a job puts out while it runs, read from files that are the job's."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from lgi_daemon.files.file_tail import LiveOutput

LIMIT = 100


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """The directory of a job of `command`."""
    (tmp_path / "job").mkdir()
    (tmp_path / "state").mkdir()
    return tmp_path / "job"


def opened(directory: Path, owner: int | None = None) -> LiveOutput:
    """The output of the job of a directory."""
    return LiveOutput(directory, directory.parent / "state", owner)


@pytest.fixture
def output(directory: Path) -> Iterator[LiveOutput]:
    """Its output."""
    made = opened(directory, os.getuid())
    yield made
    made.close()


def put(directory: Path, text: bytes, name: str = "stdout") -> None:
    """The job puts out something more."""
    with (directory.parent / "state" / name).open("ab") as stream:
        stream.write(text)


def test_new_output_is_read_once(directory: Path, output: LiveOutput) -> None:
    """It can be read from before its file exists until after its directory was removed."""
    assert output.read(LIMIT) == (0, b"")
    put(directory, b"one\n")
    assert output.read(LIMIT) == (0, b"one\n")
    assert output.read(LIMIT) == (4, b"")
    put(directory, b"two\n")
    shutil.rmtree(directory.parent / "state")
    assert output.read(LIMIT) == (4, b"two\n")


def test_both_streams_are_read_as_one(directory: Path, output: LiveOutput) -> None:
    """New bytes come in the order of the reads; the second stream may appear later."""
    put(directory, b"out\n")
    assert output.read(LIMIT) == (0, b"out\n")
    put(directory, b"more\n")
    put(directory, b"err\n", "stderr")
    assert output.read(LIMIT) == (4, b"more\nerr\n")
    put(directory, b"!\n", "stderr")
    assert output.read(LIMIT) == (13, b"!\n")


def test_only_the_end_of_a_long_output_is_read(directory: Path, output: LiveOutput) -> None:
    """Skipped bytes count in the offset, so that a reader sees the gap."""
    put(directory, b"a" * 1000 + b"b" * LIMIT)
    assert output.read(LIMIT) == (1000, b"b" * LIMIT)
    put(directory, b"c" * 150)
    put(directory, b"d" * 60, "stderr")
    assert output.read(LIMIT) == (1210, b"c" * 40 + b"d" * 60)
    assert output.offset == 1310


def test_the_output_of_a_job_without_streams_is_read(tmp_path: Path) -> None:
    """LGI_output is read only if there are no streams, from which it is made at the end."""
    job = tmp_path / "job"
    job.mkdir()
    (job / "LGI_output").touch()
    output = opened(job)
    before = output.read(LIMIT)
    (job / "LGI_output").write_bytes(b"hello")

    assert (before, output.read(LIMIT)) == ((0, b""), (0, b"hello"))
    output.close()


def test_the_output_of_a_job_with_streams_is_not_read_twice(directory: Path, output: LiveOutput) -> None:
    """LGI_output is left out, because it repeats what the streams had."""
    put(directory, b"")
    (directory / "LGI_output").write_bytes(b"hello")

    assert output.read(LIMIT) == (0, b"")


def test_a_file_that_became_shorter_is_read_on_when_it_grows(directory: Path, output: LiveOutput) -> None:
    """The job may truncate what it likes."""
    put(directory, b"12345678")
    output.read(LIMIT)
    os.truncate(directory.parent / "state" / "stdout", 2)

    assert output.read(LIMIT) == (8, b"")
    put(directory, b"345678abc")
    assert output.read(LIMIT) == (8, b"abc")


def hard_link(stream: Path, secret: Path) -> None:
    """A second name of the secret."""
    stream.hardlink_to(secret)


def symbolic_link(stream: Path, secret: Path) -> None:
    """A way to the secret."""
    stream.symlink_to(secret)


def pipe(stream: Path, _secret: Path) -> None:
    """A pipe without a writer, which blocks who opens it."""
    os.mkfifo(stream)


def folder(stream: Path, _secret: Path) -> None:
    """No file at all."""
    stream.mkdir()


@pytest.mark.parametrize("trap", [hard_link, symbolic_link, pipe, folder])
def test_a_stream_that_is_no_file_of_the_job_is_not_read(
    directory: Path, output: LiveOutput, trap: object, tmp_path: Path
) -> None:
    """It would show others' files, or hold up the daemon; the other stream is read all the same."""
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    trap(directory.parent / "state" / "stdout", secret)  # type: ignore[operator]
    put(directory, b"err\n", "stderr")

    assert output.read(LIMIT) == (0, b"err\n")


def test_no_directory_elsewhere_is_read(tmp_path: Path) -> None:
    """A link in the place of the state directory, or of the job's own."""
    (tmp_path / "others").mkdir()
    (tmp_path / "others" / "stdout").write_bytes(b"secret")
    (tmp_path / "others" / "LGI_output").write_bytes(b"secret")
    for name in ("state", "job"):
        (tmp_path / name).symlink_to(tmp_path / "others")

    assert opened(tmp_path / "job").read(LIMIT) == (0, b"")


def test_a_file_of_another_user_is_not_read(directory: Path) -> None:
    """With a user per job the job's files are that user's."""
    put(directory, b"out\n")

    assert opened(directory, os.getuid() + 1).read(LIMIT) == (0, b"")
