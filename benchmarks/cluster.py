"""``python -m benchmarks.cluster``: the throughput on a Galera cluster compared with that on one MariaDB.

Three project servers of one worker each serve six daemons, which live jobs from sign-up to sign-off. Only the
database differs: one MariaDB; a cluster of three nodes with all servers at one of them; each at its own.
The clients are Python and share the machine, so the ratios count and not the rates.
"""

import argparse
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median

from lgi_protocol.errors import ErrorNumber, ServerError
from lgi_protocol.resource_api import ResourceCalls
from tests.support import galera, queues
from tests.support.galera import PrivateGalera
from tests.support.grid import Grid
from tests.support.mariadb import PrivateMariaDB
from tests.support.siblings import Sibling

SERVERS, DAEMONS = 3, 6
ONE, TOGETHER, APART = "one MariaDB", "cluster, one node", "cluster, own nodes"


@contextmanager
def servers(addresses: list[str]) -> Iterator[list[Grid]]:
    """Project servers on the same project, each with its address of the database."""
    first = Grid(addresses[0], {"workers": "1"})
    made: list[Grid] = [first]
    try:
        made += [Sibling(first, address) for address in addresses[1:]]
        for server in made:
            server.start()
        yield made
    finally:
        for server in made[1:]:
            server.stop()
        first.remove()


def measure(grids: list[Grid], jobs: int) -> tuple[float, int]:
    """Return the jobs finished per second, and how often a daemon was asked to come back (error 1)."""
    grids[0].clear()
    daemons = [grids[number % SERVERS].resource(f"res{number}@cluster") for number in range(DAEMONS)]
    queues.fill(grids[0].database, jobs)
    refusals: list[int] = []
    threads = [threading.Thread(target=_live, args=(calls, refusals)) for calls in daemons]
    begin = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.monotonic() - begin
    finished = grids[0].rows("SELECT COUNT(*) AS n FROM job_queue WHERE state = 'finished'")[0]["n"]
    if finished != jobs:
        raise AssertionError(f"{finished} of {jobs} jobs are finished")
    return jobs / seconds, len(refusals)


def _live(calls: ResourceCalls, refusals: list[int]) -> None:
    """Take and finish jobs one by one until there are none."""
    while True:
        try:
            jobs = calls.request_work("hello_world", 0, 1).jobs
            for job in jobs:
                calls.update(job.job_id, state="running")
                calls.details(job.job_id)
                calls.update(job.job_id, state="finished", output=b"hello")
                calls.unlock(job.job_id)
        except ServerError as error:
            if error.number != ErrorNumber.BACK_OFF:
                raise
            refusals.append(error.number)
            continue
        if not jobs:
            return


def main() -> int:
    """Measure the three databases in turn, several times, and print a table of ratios."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cluster", description=__doc__)
    parser.add_argument("--jobs", type=int, default=600)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    if galera.missing():
        print(f"{galera.missing()} is missing: make test-cluster installs it", file=sys.stderr)
        return 2
    cluster, single = PrivateGalera(), PrivateMariaDB()
    try:
        single.install()
        single.start()
        cluster.start()
        for name in ("together", "apart"):
            cluster.create_database(name)
        addresses = {
            ONE: [single.create_database("LGI")] * SERVERS,
            TOGETHER: [cluster.address("together")] * SERVERS,
            APART: [cluster.address("apart", number) for number in range(SERVERS)],
        }
        found: dict[str, list[tuple[float, int]]] = {name: [] for name in addresses}
        for _ in range(asked.rounds):
            for name, where in addresses.items():
                with servers(where) as grids:
                    found[name].append(measure(grids, asked.jobs))
    finally:
        cluster.remove()
        single.remove()
    _print(found)
    return 0


def _print(found: dict[str, list[tuple[float, int]]]) -> None:
    print(f"{'database':22}{'jobs/s (min-max)':>24}{'of one':>9}{'told to come back':>20}")
    one = median(rate for rate, _ in found[ONE])
    for name, rounds in found.items():
        rates = [rate for rate, _ in rounds]
        spread = f"{median(rates):.0f} ({min(rates):.0f}-{max(rates):.0f})"
        print(f"{name:22}{spread:>24}{median(rates) / one:>9.2f}{sum(count for _, count in rounds):>20}")


if __name__ == "__main__":
    sys.exit(main())
