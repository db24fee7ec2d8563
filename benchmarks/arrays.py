"""``python -m benchmarks.arrays``: an array of many elements, and lists beside many."""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from benchmarks import filling, processes
from benchmarks.testbed import database_of
from lgi_protocol.client import Client
from lgi_server.tables import job_arrays
from lgi_server.tables.job_arrays import ArrayRow
from lgi_tools.client import submission
from lgi_tools.client.bulk_submit import NewArray
from lgi_tools.client.job_request import JobRequest
from lgi_tools.client.timing import DEFAULT
from tests.support.grid import PROJECT, Grid

USER = "mark@laptop"
CALLER = {"project": PROJECT, "user": USER, "groups": "theor"}
# The longest that an array of 10,000 elements may take, in seconds for each element; a list, in milliseconds.
MOST_SECONDS, MOST_MS = 20 / 10_000, 100
# Elements of an array among the jobs of the lists; how often a list is asked for.
ARRAY, CALLS = 10_000, 15
# No list: it counts all jobs.
COUNT = "progress of all jobs"


def main() -> int:
    """Submit the array, fill the queue and print a row for each call. Returns 1 when one takes too long."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.arrays", description=__doc__)
    parser.add_argument("--elements", type=int, default=10_000)
    parser.add_argument("--jobs", type=int, default=200_000, help="jobs beside which lists are measured")
    parser.add_argument("--database", choices=("mariadb", "sqlite"), default="sqlite")
    asked = parser.parse_args()
    with ExitStack() as stack:
        address, process = stack.enter_context(database_of(asked.database))
        grid = Grid(address, {"workers": "2"})
        stack.callback(grid.remove)
        grid.start()
        grid.clear()
        grid.resource()
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lgi-array-")))
        is_slow = _submit(grid, process, directory, asked.elements)
        filling.fill(grid, asked.jobs, USER, 1)
        _make_arrays(grid, asked.jobs)
        return int(_lists(grid, asked.jobs) or is_slow)


def _submit(grid: Grid, database: int, directory: Path, number: int) -> bool:
    shared = directory / "shared.dat"
    shared.write_bytes(b"x" * 2**20)
    credentials = grid.people.credentials(grid.people.user(USER, ("theor",)))
    session = grid.process.pid if grid.process else -1
    requests = {
        index: JobRequest("hello_world", input=f"exec ./sim {index}\n", files=(shared,), name="sweep")
        for index in range(1, number + 1)
    }
    before, start = processes.used(session, database), time.monotonic()
    client, array = Client(grid.url, credentials), NewArray("benchmark", number)
    done = list(submission.submit_array(client, CALLER, requests, array, DEFAULT))
    seconds = time.monotonic() - start
    used = processes.used(session, database).since(before)
    print(
        f"array of {number} with a shared file: {seconds:.1f} s, {number / seconds:.0f}/s;"
        f" processor time of the server {used.server:.1f} s, of the database {used.database:.1f} s"
    )
    return seconds > MOST_SECONDS * number or any(one.error for one in done)


def _make_arrays(grid: Grid, jobs: int) -> None:
    """Make half of the jobs elements of arrays, of which half have ended."""
    (row,) = grid.rows("SELECT MAX(job_id) AS last FROM job_queue")
    last = int(str(row["last"]))
    first = last - jobs // 2 + 1
    for begin in range(first, last + 1, ARRAY):
        end = min(begin + ARRAY - 1, last)
        grid.run(
            "UPDATE job_queue SET array_id = %s, array_index = job_id WHERE job_id BETWEEN %s AND %s",
            *(begin, begin, end),
        )
        grid.run(
            "UPDATE job_queue SET state = 'finished', exit_code = job_id & 1, started = state_time_stamp - 60"
            " WHERE job_id BETWEEN %s AND %s",
            *(begin, begin + (end - begin) // 2),
        )
        made = ArrayRow(
            *(begin, "user x", f"r{begin}", "hello_world", (USER,), ("admin", USER), "sweep", ARRAY, 0, 1)
        )
        grid.database.run(partial(job_arrays.insert, new=made))
    grid.run(
        "UPDATE job_access SET role = 'part' WHERE job_id BETWEEN %s AND %s AND role = 'read'", first, last
    )
    grid.run(
        "UPDATE job_access SET state = 'finished', ended = 'succeeded' WHERE role = 'part' AND job_id IN"
        " (SELECT job_id FROM job_queue WHERE state = 'finished')"
    )


def _lists(grid: Grid, jobs: int) -> bool:
    user = grid.user(USER, ("theor",))
    (row,) = grid.rows("SELECT MAX(array_id) AS newest FROM job_arrays")
    array = str(row["newest"])
    calls: Sequence[tuple[str, Callable[[], object]]] = (
        ("first page of all jobs", lambda: user.post("interface_job_state", limit="50")),
        ("first page without elements", lambda: user.post("interface_job_state", limit="50", single="1")),
        ("page with a label", lambda: user.post("interface_job_state", limit="50", labels="kind=md")),
        ("arrays with progress", lambda: user.post("interface_job_arrays", limit="50")),
        ("page of an array", lambda: user.post("interface_job_state", limit="50", array_id=array)),
        (
            "failed of an array",
            lambda: user.post("interface_job_state", limit="50", array_id=array, ended="failed"),
        ),
        (
            "elements by index",
            lambda: user.post("interface_job_state", array_id=f"{array}[{array}-{int(array) + 40}]"),
        ),
        (COUNT, lambda: user.post("interface_job_progress")),
        ("progress of an array", lambda: user.post("interface_job_progress", array_id=array)),
    )
    print(f"{'beside ' + str(jobs) + ' jobs':32}{'p50 ms':>8}{'max ms':>8}")
    is_slow = False
    for name, call in calls:
        times = []
        for _ in range(CALLS):
            start = time.monotonic()
            call()
            times.append((time.monotonic() - start) * 1000)
        print(f"{name:32}{statistics.median(times):>8.1f}{max(times):>8.1f}")
        is_slow |= name != COUNT and statistics.median(times) > MOST_MS
    return is_slow


if __name__ == "__main__":
    sys.exit(main())
