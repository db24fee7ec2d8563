"""``make bench``: the rate of each call, as a ratio within one run. See README.md here."""

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks import report, statements
from benchmarks.generator import Load, Measured, MissingProgramError
from benchmarks.report import Row
from benchmarks.scenarios import FULL, HELD, RESOURCE, SERVER_LIST, Scenario, scenarios
from benchmarks.testbed import BUFFERS, Testbed, testbed

# Seconds for which the server list is measured before each run, for comparison.
REFERENCE_SECONDS = 0.7
# A thousand TLS handshakes and one call each.
CONNECTING_SECONDS = 8.0


class Bench:
    """One run of the benchmarks and its results so far."""

    def __init__(self, bed: Testbed, seconds: float, runs: int) -> None:
        """Set the seconds of each run and the runs of each row."""
        self.bed = bed
        self.seconds = seconds
        self.runs = runs
        self.rows: list[Row] = []
        self.wrong: list[str] = []
        self.requests = 0

    def measure(self, scenario: Scenario, jobs: int, clients: int) -> None:
        """Measure one row and print it."""
        row = Row(scenario.name, jobs, clients, max(1, scenario.finishes))
        needs = 0 if jobs else scenario.needs
        with self.bed.short_queue(needs), self._limit(scenario.limit), self._waiting(scenario.waiting):
            for _ in range(self.runs):
                self._run(row, scenario)
        self._compare(row)
        self.rows.append(row)
        print(row.line(), flush=True)
        if row.trouble:
            self.wrong.append(f"{row.scenario}, {jobs} jobs, {clients} connections: {row.trouble}")

    @contextmanager
    def _limit(self, jobs: int) -> Iterator[None]:
        if jobs:
            self.bed.limit(jobs)
        try:
            yield
        finally:
            if jobs:
                self.bed.limit(0)

    @contextmanager
    def _waiting(self, resources: int) -> Iterator[None]:
        """Keep resources waiting for work during a block."""
        if not resources:
            yield
            return
        certificate = self.bed.certificate(RESOURCE)
        with self.bed.generator.background(Load(HELD, certificate, resources, 3600)):
            time.sleep(CONNECTING_SECONDS)
            yield

    def _run(self, row: Row, scenario: Scenario) -> None:
        reference = self._load(SERVER_LIST, row.clients, min(REFERENCE_SECONDS, self.seconds))
        finished = self.bed.leftovers()["finished"] if scenario.finishes else 0
        before = self.bed.used()
        measured = self._load(scenario, row.clients, self.seconds)
        row.add(measured, measured.per_second / max(1.0, reference.per_second), self.bed.used().since(before))
        if scenario.finishes:
            self._check(scenario, measured, finished)
        if scenario.submits:
            self.bed.restore()

    def _load(self, scenario: Scenario, clients: int, seconds: float) -> Measured:
        certificate = self.bed.certificate(scenario.caller)
        load = Load(scenario.steps, certificate, clients, seconds, scenario.reconnect)
        measured = self.bed.generator.run(load)
        self.requests += (measured.done + measured.warm) * len(scenario.steps)
        return measured

    def _check(self, scenario: Scenario, measured: Measured, before: int) -> None:
        """Check that every job was finished exactly once, and left no lock or session."""
        found = self.bed.leftovers()
        finished = before + scenario.finishes * (measured.done + measured.warm)
        expected = dict.fromkeys(found, 0) | {"finished": finished}
        if found != expected:
            self.wrong.append(f"{scenario.name}: expected {expected}, found {found}")

    def _compare(self, row: Row) -> None:
        for other in self.rows:
            if (other.scenario, other.jobs, other.clients) == (row.scenario, 0, row.clients) and other.ratio:
                row.full_to_empty = row.ratio / other.ratio


def chosen(every: Sequence[Scenario], names: Sequence[str]) -> list[Scenario]:
    """Return the named scenarios, or all; raise SystemExit for an unknown name."""
    known = [scenario.name for scenario in every]
    if unknown := set(names) - set(known):
        raise SystemExit(f"no scenario is called {', '.join(sorted(unknown))}; there are: {'; '.join(known)}")
    return [scenario for scenario in every if not names or scenario.name in names]


def arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__)
    parser.add_argument("--seconds", type=float, default=0, help="of one run (3, or 0.5 with --quick)")
    parser.add_argument("--runs", type=int, default=0, help="of one row (3, or 1 with --quick)")
    parser.add_argument("--quick", action="store_true", help="a look in two minutes instead of ten")
    parser.add_argument("--scenario", action="append", default=[], metavar="NAME", help="only this one")
    parser.add_argument(
        "--connections", type=int, action="append", default=[], metavar="N", help="instead of a row's own"
    )
    parser.add_argument("--jobs", type=int, default=FULL, help="in the full queue; whole thousands")
    parser.add_argument("--buffers", type=int, default=BUFFERS, help="MB of MariaDB's buffer pool")
    parser.add_argument("--database", choices=("mariadb", "sqlite"), default="mariadb")
    parser.add_argument("--json", type=Path, default=Path("benchmarks/result.json"), metavar="FILE")
    asked = parser.parse_args()
    asked.seconds = asked.seconds or (0.5 if asked.quick else 3.0)
    asked.runs = asked.runs or (1 if asked.quick else 3)
    return asked


def bench(bed: Testbed, asked: argparse.Namespace) -> Bench:
    """Measure the chosen scenarios, on the empty queue first and then on the full one."""
    made = Bench(bed, asked.seconds, asked.runs)
    wanted = chosen(scenarios(bed.job), asked.scenario)
    report.print_head(asked.database)
    for queue, jobs in ((0, 0), (FULL, asked.jobs)):
        here = [scenario for scenario in wanted if queue in scenario.queues]
        if jobs and here:
            bed.fill(jobs)
        for scenario in here:
            for clients in asked.connections or scenario.clients:
                made.measure(scenario, jobs, clients)
    return made


def main() -> int:
    """Measure, print and write JSON. Returns 1 for wrong answers, or when jobs left something behind."""
    asked = arguments()
    about = report.circumstances(asked.database, asked.seconds, asked.runs)
    try:
        with testbed(asked.database, asked.buffers) as bed:
            counts = statements.count(bed) if asked.database == "mariadb" and not asked.scenario else {}
            made = bench(bed, asked)
            memory = bed.highest_memory()
    except MissingProgramError as missing:
        print(missing, file=sys.stderr)
        return 2
    if counts:
        report.print_statements(counts)
    about |= {"requests": made.requests, "worker_memory": memory}
    print(f"\n{made.requests} requests were answered; no worker had more than {memory / 1e6:.0f} MB")
    report.write(asked.json, about, made.rows, counts)
    for wrong in made.wrong:
        print(f"WRONG: {wrong}")
    return 1 if made.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
