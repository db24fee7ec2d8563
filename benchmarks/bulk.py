"""``python -m benchmarks.bulk``: bulk submits of folders with two small files each."""

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from benchmarks import processes
from benchmarks.testbed import database_of
from lgi_protocol.client import Client
from lgi_protocol.credentials import Credentials
from lgi_tools.client import bulk_submit
from lgi_tools.client.bulk_submit import NewJob
from tests.support.grid import PROJECT, Grid

USER = "mark@laptop"
FIELDS = {"application": "hello_world", "target_resources": "any", "job_specifics": "<cpus> 2 </cpus>"}
CALLER = {"project": PROJECT, "user": USER, "groups": "theor"}
# What two cores are to carry, by the processor time that a job costs server and database.
CORES, LEAST = 2, 500


def main() -> int:
    """Submit the jobs and print one row. Returns 1 when jobs are missing or cost too much."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bulk", description=__doc__)
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--clients", type=int, default=2)
    parser.add_argument("--database", choices=("mariadb", "sqlite"), default="mariadb")
    asked = parser.parse_args()
    with ExitStack() as stack:
        address, process = stack.enter_context(database_of(asked.database))
        grid = Grid(address, {"workers": "2"})
        stack.callback(grid.remove)
        grid.start()
        grid.clear()
        grid.resource()
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lgi-bulk-")))
        return _measure(grid, process, _folders(directory, asked.jobs), asked.clients)


def _folders(directory: Path, number: int) -> list[Path]:
    """Create folders of two small files and return them."""
    made = []
    for index in range(number):
        folder = directory / f"task{index}"
        folder.mkdir()
        (folder / "input.dat").write_bytes(b"x" * 1000)
        (folder / "run.txt").write_text(f"task {index}\n")
        made.append(folder)
    return made


def _measure(grid: Grid, database: int, folders: Sequence[Path], clients: int) -> int:
    credentials = grid.people.credentials(grid.people.user(USER, ("theor",)))
    session = grid.process.pid if grid.process else -1
    with ProcessPoolExecutor(clients) as pool:
        before, start = processes.used(session, database), time.monotonic()
        shares = [(grid.url, credentials, folders[client::clients]) for client in range(clients)]
        done = sum(pool.map(_submit, shares))
        seconds = time.monotonic() - start
        used = processes.used(session, database).since(before)
    stored = int(str(grid.rows("SELECT COUNT(*) AS n FROM job_queue")[0]["n"]))
    cost = (used.server + used.database) / len(folders)
    print(
        f"{'scenario':24}{'jobs':>8}{'conns':>6}{'jobs/s':>9}{'cpu ms':>8}{'db ms':>7}{'2 cores carry':>15}"
    )
    print(
        f"{'bulk submit, 2 files':24}{len(folders):>8}{clients:>6}{len(folders) / seconds:>9.0f}"
        f"{used.server / len(folders) * 1000:>8.2f}{used.database / len(folders) * 1000:>7.2f}"
        f"{CORES / cost:>13.0f}/s"
    )
    if (done, stored) != (len(folders), len(folders)):
        print(f"WRONG: {len(folders)} jobs, {done} answered, {stored} stored")
        return 1
    return 0 if CORES / cost >= LEAST else 1


def _submit(share: tuple[str, Credentials, Sequence[Path]]) -> int:
    """Submit the share of one client, in its own process; return the number of created jobs."""
    url, credentials, folders = share
    jobs = (NewJob(FIELDS, tuple(sorted(folder.iterdir()))) for folder in folders)
    outcomes = bulk_submit.submit(Client(url, credentials), CALLER, jobs)
    return sum(1 for outcome in outcomes if outcome.job_id)


if __name__ == "__main__":
    sys.exit(main())
