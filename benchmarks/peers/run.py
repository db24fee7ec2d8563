"""``python -m benchmarks.peers.run``: the same jobs through each system in turn; prints Markdown."""

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from benchmarks import report
from benchmarks.peers import table
from benchmarks.peers.table import Found, Setting
from benchmarks.peers.trial import LISTED, SINGLE, SYSTEMS

ROOT = Path(__file__).resolve().parents[2]
# Python packages of others are in an environment of their own, made by `make bench-peers`.
PEERS_PYTHON = ROOT / ".venv-peers" / "bin" / "python"
IN_PEERS_PYTHON = {"parsl", "dask", "celery"}
LONGEST = 1800.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure all systems; print the tables, also of an interrupted run. Returns 1 when one failed."""
    options = parse(arguments)
    found: list[Found] = []
    about = facts()
    print("\n".join(f"* {name}: {value}" for name, value in about.items()), flush=True)
    with suppress(KeyboardInterrupt):
        for one in trials(options):
            print(
                f"{one.system}, {one.setting}: {one.reason or dict(one.numbers)}", file=sys.stderr, flush=True
            )
            found.append(one)
    about["load after"] = f"{os.getloadavg()[0]:.1f}"
    print("\n".join(f"* {name}" for name in versions(found)))
    print(f"* load of the machine after: {about['load after']}\n\n{table.tables(found)}")
    if options.output:
        Path(options.output).parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps({**about, "found": [asdict(one) for one in found]}, indent=1)
        Path(options.output).write_text(f"{text}\n")
    return int(any(one.reason.startswith("failed") for one in found))


def trials(options: argparse.Namespace) -> Iterator[Found]:
    """Measure the systems in turn, with one setting after the other."""
    for setting, ways, extras in plan(options):
        for system in options.peers:
            yield trial(system, setting, ways, extras)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the options; lists are separated by commas."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers.run", description=__doc__)
    parser.add_argument("--peers", type=_names, default=list(SYSTEMS), help=", ".join(SYSTEMS))
    parser.add_argument("--jobs", type=_numbers, default=[300, 2000])
    parser.add_argument("--slots", type=_numbers, default=[2, 8])
    parser.add_argument(
        "--singles", type=int, default=SINGLE, help="single jobs, of which the median is told"
    )
    parser.add_argument("--listed", type=int, default=LISTED, help="waiting jobs to list")
    parser.add_argument("--output", default="build/peers.json")
    return parser.parse_args(arguments)


def _names(text: str) -> list[str]:
    names = text.split(",")
    if unknown := [name for name in names if name not in SYSTEMS]:
        raise argparse.ArgumentTypeError(f"unknown: {', '.join(unknown)}; known: {', '.join(SYSTEMS)}")
    return names


def _numbers(text: str) -> list[int]:
    numbers = [int(word) for word in text.split(",")]
    if min(numbers) < 1:
        raise argparse.ArgumentTypeError("a number must be 1 or more")
    return numbers


def plan(options: argparse.Namespace) -> Iterator[tuple[Setting, str, Sequence[str]]]:
    """Yield the settings, with the ways of submitting and the options of single jobs and lists.

    The first number of jobs is submitted in both ways with each number of slots, the others in bulk with the
    largest, which comes first; single jobs and lists are measured once.
    """
    first, *more = options.jobs
    most, *fewer = sorted(options.slots, reverse=True)
    yield (
        Setting(first, most),
        "one,bulk",
        ["--singles", str(options.singles), "--listed", str(options.listed)],
    )
    for jobs in more:
        yield Setting(jobs, most), "bulk", []
    for slots in fewer:
        yield Setting(first, slots), "one,bulk", []


def trial(system: str, setting: Setting, ways: str, extras: Sequence[str]) -> Found:
    """Measure one system in a tree of processes of its own."""
    python = PEERS_PYTHON if system in IN_PEERS_PYTHON else Path(sys.executable)
    if not python.exists():
        return Found(system, setting, reason="not installed: .venv-peers")
    words = ["--jobs", str(setting.jobs), "--slots", str(setting.slots), "--ways", ways, *extras]
    command = [str(python), "-m", "benchmarks.peers.trial", system, *words]
    done = subprocess.run(  # noqa: S603 - our own
        [str(python), "-m", "benchmarks.peers.process_tree", *command],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        timeout=LONGEST,
    )
    lines = done.stdout.splitlines()
    if done.returncode or not lines:
        return Found(system, setting, reason=f"failed, code {done.returncode}")
    return read(system, setting, json.loads(lines[-1]))


def read(system: str, setting: Setting, told: Mapping[str, str | float]) -> Found:
    """Return what a trial has told."""
    if "missing" in told:
        return Found(system, setting, reason=f"not installed: {told['missing']}")
    numbers = {name: float(value) for name, value in told.items() if name != "version"}
    return Found(system, setting, numbers, str(told["version"]))


def facts() -> dict[str, object]:
    """Return what describes the machine and this product."""
    about = report.circumstances("", 0, 0)
    model = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    processor = model[0].partition(":")[2].strip() if model else "unknown"
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    return {
        "commit": f"{str(about['commit'])[:7]}, {about['changed_files']} files changed",
        "date": about["date"],
        "machine": f"{about['cores']} cores ({processor}), {memory:.0f} GB",
        "system": f"Linux {platform.release()}, Python {about['python']}",
        "load of the machine before": f"{os.getloadavg()[0]:.1f}",
        "user": "root" if os.geteuid() == 0 else "an ordinary user",
    }


def versions(found: Sequence[Found]) -> list[str]:
    """Return the versions of all systems, and what an empty job takes by itself."""
    texts = dict.fromkeys(one.version for one in found if one.version)
    own = sorted(one.numbers["own"] for one in found if "own" in one.numbers)
    return [*texts, *([f"an empty job by itself: {own[len(own) // 2]:.1f} ms of processor"] if own else [])]


if __name__ == "__main__":
    sys.exit(main())
