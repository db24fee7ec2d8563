"""``python -m benchmarks.lists``: lists with filters that few jobs pass, in a database of a million jobs."""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack, chdir
from functools import partial

from benchmarks import million_jobs
from benchmarks.testbed import database_of
from lgi_server.db import open_database, schema
from lgi_server.db.transaction import Transaction
from lgi_server.tables.job_queue import listing
from lgi_server.tables.job_queue.selection import Selection

# Milliseconds that a list may take; how often each is asked for; jobs of a page.
MOST_MS, CALLS, PAGE = 100, 7, 128
# MariaDB's buffer pool in MB.
BUFFERS = 1024
ADMIN = Selection(("admin",))
SELECTIONS = {
    "all": ADMIN,
    "of one user": Selection(("user7@campus",)),
    "a resource of 20 jobs": Selection(("admin",), target="rare"),
    "a resource of a twentieth": Selection(("admin",), target="res3"),
    "a resource of old jobs": Selection(("admin",), target="old"),
    "a resource of no job": Selection(("admin",), target="none"),
    "an owner of a thousandth": Selection(("admin",), owner="user7@campus"),
    "an owner of old jobs": Selection(("admin",), owner="former@campus"),
    "an owner of no job": Selection(("admin",), owner="none"),
    "a label of 20 jobs": Selection(("admin",), labels=("T=1",)),
    "a label and a resource": Selection(("admin",), labels=("kind=md",), target="rare"),
    "two labels": Selection(("admin",), labels=("kind=md", "T=1")),
    "a label and a state": Selection(("admin",), "running", labels=("kind=md",)),
    "not finished": Selection(("admin",), "finished", True),
    "not of the application": Selection(("admin",), "", False, "hello_world", True),
    "running on a resource of 20": Selection(("admin",), "running", target="rare"),
    "failed of an application": Selection(("admin",), "", False, "other", ended="failed"),
    "failed on a resource of 20": Selection(("admin",), ended="failed", target="rare"),
    "since a minute, on a resource": Selection(("admin",), since=million_jobs.LAST - 60, target="rare"),
    "a range and a resource of 20": Selection(("admin",), numbers=((1, 900_000),), target="rare"),
}


def main() -> int:
    """Make the database and print a row for each selection. Returns 1 when a list takes too long."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.lists", description=__doc__)
    parser.add_argument("--jobs", type=int, default=1_000_000)
    parser.add_argument("--database", choices=("mariadb", "sqlite"), default="sqlite")
    asked = parser.parse_args()
    with ExitStack() as stack:
        directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="lgi-lists-"))
        stack.enter_context(chdir(directory))
        address, _process = stack.enter_context(database_of(asked.database, BUFFERS))
        database = open_database(address.replace("sqlite:", f"sqlite:{directory}/"))
        stack.callback(database.close)
        schema.make(database)
        start = time.monotonic()
        million_jobs.fill(database, asked.jobs, is_sqlite=asked.database == "sqlite")
        print(f"{asked.jobs} jobs were made in {time.monotonic() - start:.0f} s")
        print(f"{'beside ' + str(asked.jobs) + ' jobs':32}{'first ms':>10}{'newest ms':>10}{'count ms':>10}")
        slow = [
            name for name, one in SELECTIONS.items() if _row(partial(database.run, write=False), name, one)
        ]
    if slow:
        print(f"above {MOST_MS} ms: {', '.join(slow)}")
    return int(bool(slow))


def _row(run: Callable[..., object], name: str, selection: Selection) -> bool:
    """Print the times of a selection; return whether a page takes too long. A count is no list."""

    def first(transaction: Transaction) -> object:
        return listing.select(transaction, selection, 0, PAGE)

    def newest(transaction: Transaction) -> object:
        return listing.newest(transaction, selection, PAGE, None)

    def count(transaction: Transaction) -> object:
        return listing.count(transaction, selection)

    times = [_median(partial(run, work)) for work in (first, newest, count)]
    print(f"{name:32}{times[0]:>10.1f}{times[1]:>10.1f}{times[2]:>10.1f}", flush=True)
    return max(times[:2]) > MOST_MS


def _median(call: Callable[[], object]) -> float:
    times = []
    begun = time.monotonic()
    while len(times) < CALLS and (not times or time.monotonic() < begun + 10):
        start = time.monotonic()
        call()
        times.append((time.monotonic() - start) * 1000)
    return statistics.median(times)


if __name__ == "__main__":
    sys.exit(main())
