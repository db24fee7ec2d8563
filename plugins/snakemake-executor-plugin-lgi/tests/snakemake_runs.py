"""Runs of the real Snakemake, and the jobs that they have made."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.support.grid import Grid

COMMAND = ["snakemake", "--executor", "lgi", "--jobs", "20", "--seconds-between-status-checks", "1"]
Process = dict[str, Any]


def run(process: Process, *words: object) -> subprocess.CompletedProcess[str]:
    """Run Snakemake to its end."""
    command = [*COMMAND, *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=250, check=False, **process)


@contextmanager
def started(process: Process, *words: object) -> Iterator[subprocess.Popen[str]]:
    """Run Snakemake during a block."""
    with (process["cwd"] / "snakemake.log").open("w") as log:
        # Background processes of a shell ignore SIGINT, and so may these tests.
        command = ["env", "--default-signal=INT", *COMMAND, *map(str, words)]
        made = subprocess.Popen(command, stdout=log, stderr=log, text=True, **process)
    try:
        yield made
    finally:
        (process["cwd"] / "go").touch()
        made.kill()
        made.wait(60)


def kill(process: Process, running: "subprocess.Popen[str]") -> None:
    """Kill Snakemake as a power cut does, and remove the lock that it leaves in its directory."""
    running.kill()
    running.wait(60)
    run(process, "--unlock")


def states(grid: Grid, process: Process) -> list[tuple[object, object]]:
    """State and exit code of each job of the workflow of a test, the oldest first."""
    sql = "SELECT state, exit_code FROM job_queue WHERE job_specifics LIKE %s ORDER BY job_id"
    rows = grid.rows(sql, f"%<directory> {process['cwd']} </directory>%")
    return [(row["state"], row["exit_code"]) for row in rows]
