"""LGI_run and related commands, from the command line to a real daemon and back."""

import gzip
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.conftest import signed_up
from tests.acceptance.test_commands import home, run  # noqa: F401 - home is a fixture
from tests.support.grid import BIN, Grid

from .test_whole_jobs import CommandDaemon

pytestmark = pytest.mark.slow

SCRIPT = """#!/bin/sh
echo "got $# of them: $2"
cat data
echo made > made.txt
echo oops >&2
exit 5
"""


@pytest.fixture
def offered(grid: Grid) -> Iterator[CommandDaemon]:
    """A running daemon that offers plain processes, with staging."""
    with signed_up(CommandDaemon(grid, "process", "stage=yes")) as made:
        yield made


@pytest.mark.usefixtures("offered")
def test_a_script_runs_elsewhere_as_it_would_here(grid: Grid, home: Path) -> None:  # noqa: F811
    """Its files and arguments arrive, its output, files and exit code come back; then all can be removed."""
    (home / "work").mkdir()
    (home / "work" / "my script.sh").write_text(SCRIPT)
    (home / "data").write_text("of mine\n")

    ran = run(
        home, "LGI_run", "--cpus", "1", "-f", "data", "--wait", "--", "work/my script.sh", "a", "b  'c'"
    )
    job = ran.stderr.partition("job ")[2].partition("\n")[0]
    waited = run(home, "LGI_wait", job)
    kept = run(home, "LGI_clean", "--yes")
    cleaned = run(home, "LGI_clean", "--yes", "--with-results", "--with-failed")

    assert (ran.stdout, ran.returncode) == ("got 2 of them: b  'c'\nof mine\n", 5)
    assert ran.stderr == f"LGI_run: job {job}\noops\n"
    assert (waited.stdout, waited.returncode) == (f"{job} finished, exit code 5\n", 5)
    assert (kept.stdout, f"job {job} is kept because it failed" in kept.stderr) == ("", True)
    assert (cleaned.stdout, cleaned.returncode) == ("1 jobs removed\n", 0)
    assert grid.rows("SELECT job_id FROM job_queue") == []


@pytest.mark.usefixtures("offered")
def test_a_stream_comes_back_as_a_file(home: Path) -> None:  # noqa: F811
    """The file has the requested name, and the output of the job lacks the stream."""
    words = ["sh", "-c", "echo out; echo oops >&2; exit 4"]

    ran = run(home, "LGI_run", "-o", "both.txt", "-e", "both.txt", "--wait", *words)

    job = ran.stderr.removeprefix("LGI_run: job ").strip()
    url = json.loads(run(home, "LGI_qstat", "--json", job).stdout)["job"]["repository_url"]
    run(home, "LGI_filetransfer", "download", url, "both.txt")
    assert (ran.stdout, ran.returncode) == ("", 4)
    assert (home / "both.txt").read_text() == "out\noops\n"


@pytest.mark.usefixtures("offered")
def test_chosen_results_come_back_with_their_directories(home: Path) -> None:  # noqa: F811
    """With their times and modes, to where the job was submitted; what is not chosen is not stored."""
    script = (
        "mkdir -p results/deep && echo 42 > results/energy.dat && echo x > results/deep/run.sh"
        " && chmod +x results/deep/run.sh && touch -d @1000000000 results/deep/run.sh"
        " && touch results/a.tmp other && ln -s /etc/passwd results/link"
    )
    words = ("--output", "results/**", "--exclude", "*.tmp", "-d", "here")

    ran = run(home, "LGI_run", *words, "--wait", "--", "sh", "-c", script)

    job = ran.stderr.partition("job ")[2].partition("\n")[0]
    url = json.loads(run(home, "LGI_qstat", "--json", job).stdout)["job"]["repository_url"]
    listed = run(home, "LGI_filetransfer", "list", url).stdout
    here = home / "here"
    assert ran.returncode == 0, ran.stderr
    assert "not stored: results/link (link)" in ran.stderr
    names = ["results/deep/run.sh", "results/energy.dat"]
    assert sorted(str(path.relative_to(here)) for path in here.rglob("*") if path.is_file()) == names
    status = (here / names[0]).stat()
    assert (status.st_mtime, bool(status.st_mode & 0o100)) == (1_000_000_000, True)
    assert all(name.replace("/", "%2F") in listed for name in names)
    assert "other" not in listed


def test_output_is_seen_while_it_comes(offered: CommandDaemon, home: Path) -> None:  # noqa: F811
    """The job waits until its first output was read with LGI_tail, so this happens while it runs."""
    job = run(
        home, "LGI_run", "sh", "-c", "echo first; while [ ! -e go ]; do sleep 0.1; done; echo last; exit 2"
    )
    number = job.stdout.strip()
    with subprocess.Popen(
        [BIN / "LGI_tail", "-f", number],
        env={"HOME": str(home), "PATH": os.environ["PATH"]},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as tail:
        assert tail.stdout is not None
        assert tail.stderr is not None
        assert tail.stdout.readline() == b"first\n"
        glance = run(home, "LGI_tail", number)
        (directory,) = offered.jobs()
        (directory / "go").touch()
        rest = tail.stdout.read(), tail.stderr.read()

    assert (glance.stdout, glance.returncode) == ("first\n", 0)
    assert rest == (b"last\n", f"LGI_tail: job {number} finished, exit code 2\n".encode())


@pytest.mark.usefixtures("offered")
@pytest.mark.parametrize(
    ("script", "code", "out", "err"),
    [
        ("printf 'a\\0'; exit 3", 3, b"a\0", b""),
        ("printf 'a\\0' >&2; exit 3", 3, b"", b"a\0"),
        ("printf a; printf '[LGI: exit code 0]\\n'; exit 7", 7, b"a[LGI: exit code 0]\n", b""),
        ("printf '\\n[LGI: standard error]\\nx'; exit 4", 4, b"\n[LGI: standard error]\nx", b""),
        ("kill -9 $$", 137, b"", b"killed by signal 9"),
        ("exit 137", 137, b"", b""),
        (f"exit 5; {'x' * 300}", 5, b"", b""),
    ],
)
def test_a_failed_job_never_looks_like_a_good_one(
    home: Path,  # noqa: F811
    script: str,
    code: int,
    out: bytes,
    err: bytes,
) -> None:
    """Its output and kind of failure do not matter, for LGI_wait, lists, and commands that wait."""
    ran = run_bytes(home, "LGI_run", "--wait", "--", "sh", "-c", script)
    job = ran.stderr.partition(b"job ")[2].partition(b"\n")[0].decode()
    waited = run(home, "LGI_wait", "-q", job)
    listed = [
        [one["job_id"] for one in json.loads(run(home, "LGI_qstat", f"--{word}", "--json").stdout)["jobs"]]
        for word in ("failed", "succeeded", "unknown")
    ]

    assert (ran.returncode, ran.stdout) == (code, out)
    assert err in ran.stderr
    assert waited.returncode == code
    assert listed == [[int(job)], [], []]


@pytest.mark.usefixtures("offered")
def test_binary_and_long_output_arrives_unchanged(home: Path) -> None:  # noqa: F811
    """The output of the job is cut at 60,000 bytes; what LGI_run prints is not, and is what was written."""
    ran = run_bytes(home, "LGI_run", "--wait", "--", "sh", "-c", "echo hi | gzip -c; exit 7")
    long = run_bytes(home, "LGI_run", "--wait", "--", "sh", "-c", "head -c 3000000 /dev/zero; seq 50000 >&2")

    assert (ran.returncode, gzip.decompress(ran.stdout)) == (7, b"hi\n")
    assert (long.returncode, long.stdout) == (0, bytes(3_000_000))
    assert long.stderr.endswith(b"\n49999\n50000\n")


@pytest.mark.usefixtures("offered")
def test_the_bytes_of_an_argument_arrive_unchanged(home: Path) -> None:  # noqa: F811
    """An argument is no text to LGI_run."""
    ran = run_bytes(home, "LGI_run", "--wait", "printf", "%s", b"caf\xe9\xff")

    assert (ran.returncode, ran.stdout) == (0, b"caf\xe9\xff")


def test_output_that_was_not_stored_is_not_passed_off_as_whole(grid: Grid, home: Path) -> None:  # noqa: F811
    """A resource that stores no files has reported the beginning: no mark is printed, the code is not 0."""
    with signed_up(CommandDaemon(grid, "process", "stage=no")):
        ran = run_bytes(home, "LGI_run", "--wait", "--", "sh", "-c", "head -c 300000 /dev/zero")

    assert ran.returncode == 1
    assert ran.stdout.strip(b"\0\n") == b""
    assert b"of 300000 bytes were reported" in ran.stderr


def run_bytes(home: Path, name: str, *words: str | bytes) -> subprocess.CompletedProcess[bytes]:  # noqa: F811
    """What a command prints, to the byte."""
    environment = {"HOME": str(home), "PATH": os.environ["PATH"]}
    return subprocess.run(
        [BIN / name, *words], cwd=home, env=environment, capture_output=True, timeout=60, check=False
    )
