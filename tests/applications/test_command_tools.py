"""LGI_run and what goes with it, from the command line to a real daemon and back."""

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
    cleaned = run(home, "LGI_clean", "--yes", "--with-results")

    assert (ran.stdout, ran.returncode) == ("got 2 of them: b  'c'\nof mine\n", 5)
    assert ran.stderr == f"LGI_run: job {job}\noops\n"
    assert (waited.stdout, waited.returncode) == (f"{job} finished, exit code 5\n", 5)
    assert (kept.stdout, f"job {job} is kept, as it has files" in kept.stderr) == ("", True)
    assert (cleaned.stdout, cleaned.returncode) == ("1 jobs removed\n", 0)
    assert grid.rows("SELECT job_id FROM job_queue") == []


@pytest.mark.usefixtures("offered")
def test_a_stream_comes_back_as_a_file(home: Path) -> None:  # noqa: F811
    """Under the name that was asked for, and not as output of the job."""
    words = ["sh", "-c", "echo out; echo oops >&2; exit 4"]

    ran = run(home, "LGI_run", "-o", "both.txt", "-e", "both.txt", "--wait", *words)

    job = ran.stderr.removeprefix("LGI_run: job ").strip()
    url = json.loads(run(home, "LGI_qstat", "--json", job).stdout)["job"]["repository_url"]
    run(home, "LGI_filetransfer", "download", url, "both.txt")
    assert (ran.stdout, ran.returncode) == ("", 4)
    assert (home / "both.txt").read_text() == "out\noops\n"


def test_output_is_seen_while_it_comes(offered: CommandDaemon, home: Path) -> None:  # noqa: F811
    """The job waits until its first words were read by somebody: with LGI_tail that is while it runs."""
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
