"""LGI_run --here: what goes with a job that runs in the directory in which it is submitted."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from lgi_protocol import shared_directory
from lgi_protocol.shared_directory import PREFIX, SharedDirectory
from lgi_tools.client import submit_directory
from lgi_tools.commands.run import main as run_command
from tests.support.canned_server import CannedServer, lgi

from .test_run import SUBMIT, job

Run = Callable[..., tuple[int, str, str]]
DAY = 86400


def token_files() -> list[Path]:
    """The files of tokens in the current directory."""
    return sorted(Path().glob(f"{PREFIX}*"))


def test_a_job_that_runs_here_is_sent_its_directory_and_no_file(run: Run, server: CannedServer) -> None:
    """Its script ends anywhere else, as on a resource that knows no such jobs, with the umask of its user."""
    Path("count.sh").write_text("#!/bin/sh\npwd -P; umask\n")
    Path("count.sh").chmod(0o755)
    server.will_answer_call(SUBMIT, lgi(job()))
    before = os.umask(0o027)
    try:
        code, _, err = run(run_command, "--here", "-o", "out.txt", "./count.sh", "count.sh")
    finally:
        os.umask(before)
    request = server.requests[0]
    script = bytes.fromhex(request.fields["input"])
    here = subprocess.run(["/bin/sh", "-s"], input=script, check=False)
    elsewhere = subprocess.run(["/bin/sh", "-s"], input=script, cwd="/", capture_output=True, check=False)

    assert (code, err, request.file_names) == (0, "", [])
    asked = shared_directory.read(request.fields["job_specifics"])
    assert asked is not None
    assert asked.path == os.path.realpath(".")
    assert [path.read_text() for path in token_files()] == [f"{asked.token}\n"]
    assert here.returncode == 0
    assert Path("out.txt").read_text() == f"{asked.path}\n0027\n"
    assert elsewhere.returncode == 125
    assert b"this resource does not run jobs in" in elsewhere.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("-f", "data"), "--here sends no files"),
        (("--image", "a:1"), "--here cannot be combined with --image"),
        (("--output", "a"), "--here cannot be combined with --image, --output"),
        (("-d", "."), "-d cannot be combined with --here"),
    ],
)
def test_options_that_make_no_sense_there_are_refused(
    run: Run, server: CannedServer, words: tuple[str, ...], message: str
) -> None:
    """Before anything is sent."""
    Path("data").write_text("")

    code, _, err = run(run_command, "--here", *words, "x")

    assert (code, server.requests) == (1, [])
    assert message in err


def test_the_jobs_of_a_day_share_a_token() -> None:
    """That of an older one stays for jobs that wait or are tried again, for thirty days."""
    made = submit_directory.current_directory()
    place = Path(PREFIX + made.token)

    found = []
    for age in (60, DAY + 60, 29 * DAY, 31 * DAY):
        for path in set(token_files()) - {place}:
            path.unlink()
        os.utime(place, (time.time() - age, time.time() - age))
        # As another command, in a directory of the same name.
        program = "from lgi_tools.client import submit_directory as d; print(d.current_directory().token)"
        words = [sys.executable, "-c", program]
        shown = subprocess.run(words, check=True, capture_output=True, encoding="utf-8").stdout.strip()
        found.append((shown == made.token, place.exists()))

    assert found == [(True, True), (False, True), (False, True), (False, False)]


@pytest.mark.parametrize("kind", ["link", "pipe", "directory", "other", "empty"])
def test_a_file_that_somebody_else_has_made_is_no_token(kind: str) -> None:
    """It is neither opened through a link, nor waited for, nor removed."""
    path = Path(PREFIX + "a" * 32)
    if kind == "link":
        Path("target").write_text("a" * 32 + "\n")
        path.symlink_to("target")
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "directory":
        path.mkdir()
    else:
        path.write_text("b" * 32 if kind == "other" else "")

    made = submit_directory.current_directory()

    assert made.token != "a" * 32
    assert len(token_files()) == 2


@pytest.mark.parametrize(
    "path", ["", "a", "/a/../b", "//a", "/a/", "/a\nb", "/a ", "/" + "x" * 1001, "/\udcff"]
)
def test_a_path_that_is_none_is_refused(path: str) -> None:
    """By both programs."""
    with pytest.raises(ValueError, match="directory"):
        SharedDirectory(path, "0" * 32)
    with pytest.raises(ValueError, match="token"):
        SharedDirectory("/a", path)
