"""How long a user waits for one job on an idle resource. See README.md here."""

import argparse
import math
import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks import processes
from benchmarks.peers.lgi import APPLICATION, Lgi, LgiMariaDB
from lgi_protocol.states import State
from lgi_tools.client.job import Details

SYSTEMS = {"sqlite": Lgi, "mariadb": LgiMariaDB}
SLOTS = 2
WARM_UP = 3
# Seconds between two measurements: the resource is idle then.
PAUSE = 0.3


@dataclass(frozen=True)
class Row:
    """A latency, the part of its measurements that counts, and the limit in seconds."""

    name: str
    part: float
    limit: float
    once: Callable[[], float]


class Latencies:
    """Measures single jobs, in seconds."""

    def __init__(self, system: Lgi) -> None:
        self._system = system

    def rows(self) -> Sequence[Row]:
        """Return the rows of the table."""
        return (
            Row("submit to result, Python", 0.5, 0.15, self.program),
            Row("LGI_run --wait -- true", 0.5, 0.25, self.command),
            Row("submit to running", 0.95, 0.1, self.start),
            Row("abort to aborted", 0.95, 0.2, self.abort),
        )

    def program(self) -> float:
        """Measure `true` on a kept connection."""
        return seconds(self._system.once)

    def command(self) -> float:
        """Measure `true` with a command, its start included."""
        return seconds(lambda: self._system.run(self._system.run_command()))

    def start(self) -> float:
        """Measure until the server says that the job is running."""
        began = time.monotonic()
        job = self._submit("sleep 0.2")
        self._wait_for(job, State.QUEUED)
        running = time.monotonic() - began
        self._system.project.wait(job)
        return running

    def abort(self) -> float:
        """Measure from the abort of a job that runs until the server says that it is aborted."""
        job = self._submit("sleep 600")
        self._wait_for(job, State.QUEUED)
        # Until its program has begun.
        time.sleep(0.5)
        began = time.monotonic()
        self._system.project.delete(job)
        self._system.project.wait(job)
        return time.monotonic() - began

    def _submit(self, line: str) -> Details:
        return self._system.project.submit(APPLICATION, input=line)

    def _wait_for(self, job: Details, left: State) -> None:
        """Return when a job has left a state: the call is held until then."""
        fields = {"job_id": str(job.id), "state": str(left), "wait": "40"}
        while self._system.project.call("job_state", fields).value("job", "state") == left:
            continue


def seconds(work: Callable[[], object]) -> float:
    """Return how long something takes."""
    began = time.monotonic()
    work()
    return time.monotonic() - began


def percentile(found: Sequence[float], part: float) -> float:
    """Return the median for 0.5, otherwise the number that so large a part of the numbers does not exceed."""
    if part == 0.5:
        return statistics.median(found)
    return sorted(found)[max(0, math.ceil(part * len(found)) - 1)]


def measure(row: Row, times: int) -> bool:
    """Measure and print a row; return whether it is within its limit."""
    for _time in range(WARM_UP):
        row.once()
    found = []
    for _time in range(times):
        time.sleep(PAUSE)
        found.append(row.once())
    counted = percentile(found, row.part)
    name = "median" if row.part == 0.5 else f"p{100 * row.part:.0f}"
    print(
        f"{row.name:26}{1000 * min(found):8.0f}{1000 * statistics.median(found):8.0f}"
        f"{1000 * percentile(found, 0.95):8.0f}{1000 * max(found):8.0f}   {name} < {1000 * row.limit:.0f}"
        f"{'' if counted < row.limit else '  MISSED'}",
        flush=True,
    )
    return counted < row.limit


def main() -> int:
    """Measure and print a table; return 1 when a latency is above its limit."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.latency", description=__doc__)
    parser.add_argument("--times", type=int, default=40, help="of each kind")
    parser.add_argument("--database", choices=SYSTEMS, default="sqlite")
    arguments = parser.parse_args()
    system = SYSTEMS[arguments.database]()
    try:
        system.start(SLOTS)
        busy, began = processes.machine(), time.monotonic()
        print(f"milliseconds, {arguments.times} times on {os.cpu_count()} cores, {arguments.database}")
        print(f"{'':26}{'least':>8}{'median':>8}{'p95':>8}{'most':>8}   limit")
        within = [measure(row, arguments.times) for row in Latencies(system).rows()]
        used = (processes.machine() - busy) / (time.monotonic() - began)
        print(f"all programs of this machine used {used:.1f} cores meanwhile")
        return 0 if all(within) else 1
    finally:
        system.stop()


if __name__ == "__main__":
    sys.exit(main())
