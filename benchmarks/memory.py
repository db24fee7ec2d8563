"""The memory of a project server and its scheduler at rest. See README.md here."""

import argparse
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks import processes
from benchmarks.testbed import database_of
from tests.support.grid import BIN, Grid, wait_for

USER = "mark@laptop"
# Calls before the rest, so that each worker has had some, and seconds of rest.
CALLS, REST = 40, 5.0


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory", description=__doc__)
    parser.add_argument("--database", choices=("sqlite", "mariadb"), default="sqlite")
    parser.add_argument("--workers", default="2")
    asked = parser.parse_args()
    with database_of(asked.database) as (address, _process):
        grid = Grid(address, {"workers": asked.workers})
        try:
            with _server(grid) as server:
                _call(grid)
                time.sleep(REST)
                _print(server)
        finally:
            grid.remove()
    return 0


@contextmanager
def _server(grid: Grid) -> Iterator[int]:
    """Run a server with its scheduler, and return its session."""
    command = [BIN / "LGI_server", grid.config_file]
    with grid.log.open("ab") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)  # noqa: S603
    try:
        wait_for(grid.listens)
        grid.clear()
        yield process.pid
    finally:
        process.terminate()
        process.wait(60)


def _call(grid: Grid) -> None:
    """Submit jobs and look at them, each on a new connection."""
    grid.resource("res1@cluster").sign_off()
    for _ in range(CALLS):
        user = grid.user(USER)
        user.submit(input="78")


def _print(server: int) -> None:
    """Print the proportional memory (Pss) of each process, in MB."""
    found = {process: processes.share((), (process,)).memory / 1e6 for process in processes.members(server)}
    for process, memory in sorted(found.items()):
        print(f"{processes.name(process):20} {memory:7.1f} MB")
    print(f"{'all':20} {sum(found.values()):7.1f} MB")


if __name__ == "__main__":
    sys.exit(main())
