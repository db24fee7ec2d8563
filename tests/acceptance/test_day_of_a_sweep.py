"""A day of a scientist with a sweep of 200 runs, with the commands that the user guide has for it."""

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.job_cost import CountedDaemon
from lgi_tools.certificates import user_directory
from tests.acceptance.conftest import signed_up
from tests.support.grid import BIN, PROJECT, Grid

pytestmark = [pytest.mark.slow, pytest.mark.one_database, pytest.mark.timeout(600)]
RUNS = 200
# Those that fail: each 29th from the fifth on.
FAILING = [5, 34, 63, 92, 121, 150, 179]
PROGRAM = """#!/bin/sh
echo "energy of $1"
[ $(($1 % 29)) != 5 ] || [ -e "$2" ] || { echo "no convergence at T=$1" >&2; exit 4; }
"""
# What all of it may take on two cores, in seconds; it is 25 on an idle machine.
MOST_SECONDS = 280


@pytest.fixture
def home(grid: Grid, tmp_path: Path) -> Iterator[Path]:
    """The home directory of a user; a resource of an ordinary user runs eight jobs at once."""
    issued = grid.people.user("mark@laptop", ("theor",))
    user_directory.write(
        tmp_path / ".LGI",
        issued,
        grid.people.authority.ca_file,
        user="mark@laptop",
        groups=("theor",),
        server=grid.url,
        project=PROJECT,
    )
    (tmp_path / "sim.sh").write_text(PROGRAM)
    (tmp_path / "sim.sh").chmod(0o755)
    with signed_up(CountedDaemon(grid, "command", is_root=False, slots=8)):
        yield tmp_path


def run(home: Path, *words: object, expected: int = 0) -> str:
    """What a command prints."""
    done = subprocess.run(
        [str(BIN / str(words[0])), *map(str, words[1:])],
        cwd=home,
        env={"HOME": str(home), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=MOST_SECONDS,
        check=False,
    )
    assert done.returncode == expected, done.stderr
    return done.stdout


@pytest.fixture
def mended(grid: Grid) -> Iterator[Path]:
    """What makes the program succeed, once it is there: a file that jobs of any user see."""
    with tempfile.TemporaryDirectory(prefix="lgi-day-") as directory:
        Path(directory).chmod(0o755)
        yield Path(directory) / "mended"


def test_a_day_of_a_sweep_takes_a_person_a_minute(home: Path, mended: Path) -> None:
    """Submit it, find the seven that failed and why, run only these again, fetch results, cancel by label."""
    began = time.monotonic()

    run(home, "LGI_run", "--array", f"1-{RUNS}", "--name", "sweep", "--label", "kind=md", *_program(mended))
    run(home, "LGI_wait", "--name", "sweep", expected=4)
    failed = json.loads(run(home, "LGI_qstat", "--name", "sweep", "--failed", "--json"))["jobs"]
    reason = run(home, "LGI_tail", failed[0]["job_id"])
    mended.touch()
    again = run(home, "LGI_resubmit", "--name", "sweep", "--failed").split()
    run(home, "LGI_wait", *again)
    fetched = run(home, "LGI_get", *again, "-d", "results", "--only", "joblog.txt").split()
    run(home, "LGI_run", "--array", "1-50", "--label", "kind=trial", "--hold", "--", "sleep", "{}00")
    run(home, "LGI_qdel", "--label", "kind=trial", "--yes")
    took = time.monotonic() - began

    assert sorted(job["array_index"] for job in failed) == FAILING
    assert {job["exit_code"] for job in failed} == {4}
    assert "no convergence at T=" in reason
    assert len(again) == len(fetched) == len(FAILING)
    energies = {(home / path).read_text() for path in fetched}
    assert energies == {f"energy of {number}\n" for number in FAILING}
    assert json.loads(run(home, "LGI_qstat", "--label", "kind=trial", "--json"))["jobs"] == []
    assert took < MOST_SECONDS


def _program(mended: Path) -> tuple[str, ...]:
    return ("-f", "sim.sh", "--", "./sim.sh", "{}", str(mended))
