"""``python -m benchmarks.soak``: the load test of LGI's document; its report goes into build/soak."""

import argparse
import signal
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from benchmarks.generator import MissingProgramError
from benchmarks.report import circumstances
from benchmarks.soak import course, report, slow_log, verdict
from benchmarks.soak.course import Outcome
from benchmarks.soak.plan import EXCHANGE, LGI, Plan, default_cores
from benchmarks.testbed import BUFFERS, database_of
from tests.support.grid import Grid


def main(words: Sequence[str] | None = None) -> int:
    """Run the test and write the report. Returns 1 when a check has failed."""
    asked = _arguments().parse_args(words)
    plan = Plan(
        jobs=asked.jobs,
        resources=asked.resources,
        seconds=60 * asked.minutes,
        start=asked.start,
        places=asked.places,
        shortest=0.5 * asked.seconds,
        longest=1.5 * asked.seconds,
        processes=min(asked.processes, asked.resources),
        calls=asked.calls,
        cores=asked.cores,
        fast=asked.fast,
        slow=asked.slow,
    )
    # SIGTERM must remove its processes and files too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    about = circumstances(asked.database, plan.seconds, 1)
    try:
        outcome = _run(plan, asked.database, asked.buffers, asked.output)
    except MissingProgramError as missing:
        print(missing, file=sys.stderr)
        return 2
    report.write(asked.output, about, outcome)
    return 1 if verdict.failures(outcome) else 0


def _arguments() -> argparse.ArgumentParser:
    plan = Plan()
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=plan.seconds / 60)
    parser.add_argument("--jobs", type=int, default=plan.jobs, help="queued at the begin; whole thousands")
    parser.add_argument("--resources", type=int, default=plan.resources)
    parser.add_argument("--fast", type=float, default=plan.fast, help="-ft of the daemons, seconds")
    parser.add_argument("--slow", type=float, default=plan.slow, help="-st of the daemons, seconds")
    parser.add_argument(
        "--start", type=float, default=0, help="seconds in which all daemons start (-st, 20 a second at most)"
    )
    parser.add_argument("--places", type=int, default=plan.places, help="jobs a daemon runs at once")
    parser.add_argument(
        "--seconds", type=float, default=(plan.shortest + plan.longest) / 2, help="a job runs, on average"
    )
    parser.add_argument("--processes", type=int, default=plan.processes, help="of simulated daemons")
    parser.add_argument(
        "--calls",
        choices=(EXCHANGE, LGI),
        default=plan.calls,
        help="of the daemons: one exchange a cycle, or LGI's own calls",
    )
    parser.add_argument(
        "--cores", type=float, default=default_cores(), help="for all of them together, with --calls lgi"
    )
    parser.add_argument("--buffers", type=int, default=BUFFERS, help="MB of MariaDB's buffer pool")
    parser.add_argument("--database", choices=("mariadb", "sqlite"), default="mariadb")
    parser.add_argument("--output", type=Path, default=Path("build/soak"))
    return parser


def _run(plan: Plan, kind: str, buffers: int, directory: Path) -> Outcome:
    """Set up a grid, run the load test on it, and remove it."""
    with ExitStack() as stack:
        address, process = stack.enter_context(database_of(kind, buffers))
        grid = Grid(address, {"workers": "2"})
        stack.callback(grid.remove)
        if kind == "mariadb":
            slow_log.switch_on(grid)
        grid.start()
        print(f"{plan.jobs} jobs, {plan.resources} daemons, {plan.seconds:g} s", flush=True)
        return course.run(grid, plan, directory / "records", process, logged=kind == "mariadb")


if __name__ == "__main__":
    sys.exit(main())
