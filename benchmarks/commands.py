"""``python -m benchmarks.commands``: what the commands of users cost, above a start of Python alone."""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import filling, processes
from benchmarks.testbed import database_of
from lgi_protocol.console import Command
from lgi_tools.certificates import user_directory
from lgi_tools.cli import entry_points
from tests.support.grid import BIN, PROJECT, Grid

USER = "mark@laptop"
COMMANDS = sorted(one.name for one in vars(entry_points).values() if isinstance(one, Command))
# Seconds of processor above a start of Python: of a start, of a LGI_run, of a list of 10,000 jobs.
MOST_START, MOST_RUN, MOST_LIST = 0.05, 0.06, 0.5
LISTED = 10_000


@dataclass(frozen=True)
class Cost:
    """Processor and wall seconds of one run; the median of several."""

    processor: float
    wall: float


def main() -> int:
    """Measure and print a table. Returns 1 when a command costs more than it may."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.commands", description=__doc__)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--jobs", type=int, default=LISTED)
    parser.add_argument("--database", choices=("mariadb", "sqlite"), default="sqlite")
    asked = parser.parse_args()
    base = measure([sys.executable, "-c", "pass"], asked.runs)
    print(f"{'command':34}{'cpu ms':>8}{'above python':>14}{'wall ms':>9}{'server ms':>11}")
    print(row("python -c pass", base, Cost(0, 0)))
    costly = [name for name in COMMANDS if _shows_help(name, base, asked.runs)]
    with grid_of_user(asked.database, asked.jobs) as (grid, home):
        costly += _run_costs(grid, home, base, asked.runs)
    for name in costly:
        print(f"WRONG: {name} costs more than it may")
    return 1 if costly else 0


def _shows_help(name: str, base: Cost, runs: int) -> bool:
    """Measure the help of a command; return whether it costs too much."""
    cost = measure([str(BIN / name), "--help"], runs)
    print(row(f"{name} --help", cost, base))
    return cost.processor - base.processor > MOST_START


def _run_costs(grid: Grid, home: Path, base: Cost, runs: int) -> Iterator[str]:
    """Measure commands that call the server; yield those that cost too much."""
    for words, most, times in (
        (("LGI_qstat", "-cnt"), MOST_RUN, runs),
        (("LGI_run", "--", "true"), MOST_RUN, runs),
        (("LGI_qstat",), MOST_LIST, 5),
        (("LGI_qstat", "-x"), MOST_LIST, 5),
        (("LGI_qstat", "--json"), MOST_LIST, 5),
    ):
        session = grid.process.pid if grid.process else -1
        before = processes.used(session, 0)
        cost = measure([str(BIN / words[0]), *words[1:]], times, home)
        server = processes.used(session, 0).since(before).server / times
        print(f"{row(' '.join(words), cost, base)}{server * 1000:>11.0f}")
        if cost.processor - base.processor > most:
            yield " ".join(words)


def measure(words: Sequence[str], runs: int, home: Path | None = None) -> Cost:
    """Run a program, once without being counted, and return the median of its costs."""
    environment = os.environ | ({"HOME": str(home)} if home else {})
    costs = []
    for _ in range(runs + 1):
        before, start = _children(), time.monotonic()
        subprocess.run(words, env=environment, stdout=subprocess.DEVNULL, check=False)  # noqa: S603 - our own
        costs.append(Cost(_children() - before, time.monotonic() - start))
    return Cost(
        statistics.median(cost.processor for cost in costs[1:]),
        statistics.median(cost.wall for cost in costs[1:]),
    )


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def row(name: str, cost: Cost, base: Cost) -> str:
    """Return a line of the table, without its end."""
    above = cost.processor - base.processor if base.processor else 0.0
    return f"{name:34}{cost.processor * 1000:>8.0f}{above * 1000:>14.0f}{cost.wall * 1000:>9.0f}"


@contextmanager
def grid_of_user(database: str, jobs: int) -> Iterator[tuple[Grid, Path]]:
    """Provide a running grid with jobs of one user, and the home of that user."""
    with ExitStack() as stack:
        address, _process = stack.enter_context(database_of(database))
        grid = Grid(address, {"workers": "2"})
        stack.callback(grid.remove)
        grid.start()
        grid.clear()
        grid.resource(capabilities="<command> </command> <hello_world> </hello_world>").sign_off()
        filling.fill(grid, jobs, USER, share=1)
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lgi-commands-")))
        issued, ca = grid.people.user(USER, ("theor",)), grid.people.authority.ca_file
        caller = {"user": USER, "groups": ("theor",), "server": grid.url, "project": PROJECT}
        user_directory.write(home / ".LGI", issued, ca, **caller)
        yield grid, home


if __name__ == "__main__":
    sys.exit(main())
