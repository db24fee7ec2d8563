"""``python -m tests.torture``: break a grid at random and prove that no job was lost, doubled or wrong."""

import argparse
import secrets
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.torture import course, report
from tests.torture.plan import Plan


def main(words: Sequence[str] | None = None) -> int:
    """Run it and write the report; 1 when a rule was broken."""
    asked = _arguments().parse_args(words)
    plan = Plan(
        seed=asked.seed,
        seconds=60 * asked.minutes,
        daemons=asked.daemons,
        jobs=asked.jobs,
        places=asked.places,
        pause=asked.pause,
        database=asked.database,
    )
    signal.signal(signal.SIGTERM, _end)
    print(f"seed {plan.seed}", flush=True)
    outcome = course.run(plan, asked.output / "logs")
    text = report.page([outcome], _command(asked))
    asked.output.mkdir(parents=True, exist_ok=True)
    (asked.output / "torture.md").write_text(text)
    print(text)
    return 1 if outcome.broken else 0


def _end(*_arguments: object) -> None:
    """End with programs and files removed; a second request does not keep that from being done."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit(1)


def _command(asked: argparse.Namespace) -> str:
    return (
        f"Command: `python -m tests.torture --seed {asked.seed} --minutes {asked.minutes:g} "
        f"--daemons {asked.daemons} --jobs {asked.jobs} --places {asked.places} "
        f"--pause {asked.pause:g} --database {asked.database}`"
    )


def _arguments() -> argparse.ArgumentParser:
    plan = Plan(0)
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__)
    parser.add_argument(
        "--seed", type=int, default=secrets.randbelow(10**6), help="the same seed, the same plan"
    )
    parser.add_argument("--minutes", type=float, default=plan.seconds / 60)
    parser.add_argument("--daemons", type=int, default=plan.daemons)
    parser.add_argument("--jobs", type=int, default=plan.jobs, help="submitted at most")
    parser.add_argument("--places", type=int, default=plan.places, help="jobs a daemon runs at once")
    parser.add_argument("--pause", type=float, default=plan.pause, help="seconds between faults, on average")
    parser.add_argument("--database", choices=("mariadb", "sqlite"), default=plan.database)
    parser.add_argument("--output", type=Path, default=Path("build/torture"))
    return parser


if __name__ == "__main__":
    sys.exit(main())
