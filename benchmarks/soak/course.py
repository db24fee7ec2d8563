"""The steps of a load test: fill the queue, start the daemons, take samples, check the result."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import filling
from benchmarks.soak import ledger, reckoning
from benchmarks.soak.counters import Counters
from benchmarks.soak.latencies import Latencies, merged
from benchmarks.soak.plan import Part, Plan
from benchmarks.soak.samples import Group, Samples
from benchmarks.soak.slow_log import Slow, SlowLog
from lgi_server.db.transaction import Transaction
from lgi_server.services.project import registration
from lgi_server.services.project.registration import NewResource
from lgi_server.tables import event_queue
from tests.support.grid import BIN, PROJECT, Grid, wait_for

READER = "mark@laptop"
# Seconds after the end for daemons to report their jobs; then they are stopped.
DRAIN_SECONDS = 600.0
ROOT = Path(__file__).parents[2]
SERVER, SCHEDULER, DATABASE, SIMULATOR = "server", "scheduler", "database", "simulators"


@dataclass(frozen=True)
class Outcome:
    """The results of a load test; ``troubles`` is empty when it was passed.

    ``held`` are the seconds that each daemon was held back by the simulators' allowance on average.
    ``mariadb`` is whether slow statements and counters were recorded.
    """

    plan: Plan
    mariadb: bool
    seconds: float
    claimed: int
    ended: int
    latencies: Latencies
    samples: Samples
    slow: Sequence[Slow]
    counters: Mapping[str, int]
    held: float
    filled_in: float
    troubles: Sequence[str]


def run(grid: Grid, plan: Plan, directory: Path, database: int = 0, logged: bool = False) -> Outcome:
    """Load a running grid, which is cleared first; ``directory`` gets the daemons' ledgers.

    ``database`` is the process of MariaDB, 0 for none; ``logged`` says that its slow log is switched on.
    """
    directory.mkdir(parents=True, exist_ok=True)
    grid.clear()
    begin = time.monotonic()
    filling.fill(grid, plan.jobs, READER)
    filled_in = time.monotonic() - begin
    parts = _parts(grid, plan, directory)
    slow, counters = SlowLog(grid, logged), Counters(grid, logged)
    with scheduler(grid, directory) as leader:
        begin = time.monotonic()
        samples, stopped = _load(grid, parts, leader, database)
        seconds = time.monotonic() - begin - plan.quiet_seconds
        found, counted = slow.read(), counters.read()
        _account(grid)
    results = [_result(Path(part.result)) for part in parts]
    entries = ledger.read(Path(part.ledger) for part in parts)
    troubles = [
        *stopped,
        *(mistake for result in results for mistake in result["mistakes"]),
        *reckoning.troubles(entries, reckoning.books(grid), plan.jobs),
    ]
    return Outcome(
        plan=plan,
        mariadb=logged,
        seconds=seconds,
        claimed=sum(entry.deed == ledger.Deed.CLAIMED for entry in entries),
        ended=sum(entry.deed == ledger.Deed.ENDED for entry in entries),
        latencies=merged(result["latencies"] for result in results),
        samples=samples,
        slow=found,
        counters=counted,
        held=sum(result["held"] for result in results) / plan.resources,
        filled_in=filled_in,
        troubles=troubles,
    )


def _parts(grid: Grid, plan: Plan, directory: Path) -> list[Part]:
    """Register the resources and distribute them over the processes."""
    names = [f"res{number}@cluster" for number in range(1, plan.resources + 1)]
    issued = {name: grid.people.resource(name) for name in names}

    def register(transaction: Transaction) -> None:
        for name in names:
            new = NewResource(name, name, issued[name].certificate.read_text())
            registration.add_resource(transaction, new, "any")

    grid.database.run(register)
    daemons = tuple((name, str(issued[name].key), str(issued[name].certificate)) for name in names)
    size = -(-len(daemons) // plan.processes)
    begin = time.time() + plan.quiet_seconds
    return [
        Part(
            plan=plan,
            url=grid.url,
            project=PROJECT,
            ca=str(grid.people.authority.ca_file),
            daemons=daemons[before : before + size],
            before=before,
            begin=begin,
            ledger=str(directory / f"ledger-{before}.jsonl"),
            result=str(directory / f"result-{before}.json"),
        )
        for before in range(0, len(daemons), size)
    ]


@contextmanager
def scheduler(grid: Grid, directory: Path) -> Iterator[int]:
    """Run LGI_scheduler during a block; yield its process id, which is that of its session."""
    with (directory / "scheduler.log").open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 - our own program
            [BIN / "LGI_scheduler", grid.config_file], stdout=log, stderr=log, start_new_session=True
        )
    try:
        yield process.pid
    finally:
        process.terminate()
        process.wait(30)


def _load(grid: Grid, parts: Sequence[Part], leader: int, database: int) -> tuple[Samples, list[str]]:
    """Run the simulators to their end while taking samples; return their errors."""
    plan = parts[0].plan
    begin = parts[0].begin
    running = [_simulator(part) for part in parts]
    groups = {
        SERVER: Group(leaders=[grid.process.pid] if grid.process else []),
        SCHEDULER: Group(leaders=[leader]),
        DATABASE: Group(processes=[database] if database else []),
        SIMULATOR: Group(leaders=[process.pid for process in running]),
    }
    time.sleep(max(0.0, begin - time.time()))
    samples = Samples(groups)
    end = begin + plan.seconds + DRAIN_SECONDS
    try:
        while any(process.poll() is None for process in running) and time.time() < end:
            _wait(running, plan.sample_seconds)
            samples.take()
    finally:
        troubles = [_end(process) for process in running]
    return samples, [trouble for trouble in troubles if trouble]


def _simulator(part: Part) -> subprocess.Popen[bytes]:
    part_file = Path(part.result).with_suffix(".part")
    part.write(part_file)
    for old in (part.result, part.ledger):
        # A result of an earlier test must not be read if the simulator fails.
        Path(old).unlink(missing_ok=True)
    command = [sys.executable, "-m", "benchmarks.soak.simulator", str(part_file)]
    return subprocess.Popen(command, cwd=ROOT, start_new_session=True)  # noqa: S603 - our own program


def _wait(running: Sequence[subprocess.Popen[bytes]], seconds: float) -> None:
    """Wait some seconds, or until all simulators have ended."""
    end = time.monotonic() + seconds
    for process in running:
        try:
            process.wait(max(0.0, end - time.monotonic()))
        except subprocess.TimeoutExpired:
            return


def _end(process: subprocess.Popen[bytes]) -> str:
    """End a simulator; return an error if it had not ended by itself."""
    if process.poll() is None:
        process.kill()
        process.wait()
        return f"a simulator still had jobs {DRAIN_SECONDS:.0f} s after the end and was stopped"
    return f"a simulator has ended with status {process.returncode}" if process.returncode else ""


def _result(path: Path) -> dict[str, Any]:
    """Return the stored result of a simulator; empty when it was stopped."""
    nothing = {"latencies": Latencies().as_json(), "held": 0.0, "mistakes": []}
    return json.loads(path.read_text()) if path.exists() else nothing


def _account(grid: Grid) -> None:
    """Run the scheduler's accounting of runs now."""
    now = int(time.time())
    grid.database.run(partial(_ask, now))
    wait_for(lambda: not grid.rows("SELECT 1 AS one FROM job_history WHERE accounted = 0 LIMIT 1"), 60)


def _ask(now: int, transaction: Transaction) -> None:
    event_queue.insert(transaction, event_queue.SCHEDULE_CYCLE, now)
