"""``python -m benchmarks.peers.trial``: one system in a process of its own; prints its measurements as JSON.

Its parent is the root of the tree of processes that is measured (`process_tree.py`); `run.py` starts both.
"""

import argparse
import importlib
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from benchmarks import processes
from benchmarks.peers import process_tree
from benchmarks.peers.system import JOB, System

# Each module has one class for a system; the last three run in the environment of the peers' packages.
SYSTEMS = {
    "lgi-sqlite": "lgi.Lgi",
    "lgi-mariadb": "lgi.LgiMariaDB",
    "slurm": "slurm.Slurm",
    "gridengine": "grid_engine.GridEngine",
    "parallel": "gnu_parallel.Parallel",
    "parsl": "parsl_htex.Parsl",
    "dask": "dask_distributed.Dask",
    "celery": "celery_redis.Celery",
}
ROOT = Path(__file__).resolve().parents[2]
LISTED = 10_000
SINGLE = 20
BARE = 200
# Seconds without work before the memory at rest is read.
REST = 3.0


class Trial:
    """The measurements of one system: seconds, milliseconds of processor for a job, bytes."""

    def __init__(self, system: System, jobs: int) -> None:
        self.system = system
        self.jobs = jobs
        self.root, self.client = os.getppid(), os.getpid()
        self.found: dict[str, float] = {}

    def memory(self) -> None:
        """Measure the memory at rest, without the program of the user unless the system is in it."""
        time.sleep(REST)
        used = process_tree.memory(self.root, (self.root, self.client))
        if self.system.in_program:
            used += process_tree.proportional(self.client) - self.bare
        self.found["memory"] = used

    def start(self, slots: int) -> None:
        """Start the system, and run some jobs so that each part has run once."""
        self.bare = process_tree.proportional(self.client)
        self.found["own"] = empty_job()
        self.system.start(slots)
        self.memory()
        self.system.submit_many(slots)
        self.system.wait()
        self.system.settle()

    def batch(self, way: str, submit: Callable[[], object]) -> None:
        """Measure the jobs in one way of submitting them."""
        tree, own, machine, began = self._tree(), _own(), processes.machine(), time.monotonic()
        submit()
        submitted, client = time.monotonic(), _own() - own
        self.system.wait()
        done = time.monotonic()
        if not self.system.polls:
            client = _own() - own
        self.system.settle()
        used = self._tree() - tree
        # Of the waiting program too.
        others = processes.machine() - machine - used - (_own() - own)
        seconds = time.monotonic() - began
        self.found[f"{way} submit"] = submitted - began
        self.found[f"{way} done"] = done - began
        self.found[f"{way} processor"] = 1000 * (used + client) / self.jobs - self.found["own"]
        self.found["others"] = max(self.found.get("others", 0.0), others / seconds)

    def one_by_one(self) -> None:
        """Submit the jobs one after the other."""
        for _job in range(self.jobs):
            self.system.submit()

    def singles(self, times: int) -> None:
        """Measure single jobs from a program and by commands, each for itself."""
        self._single("program", self.system.once, times)
        for name, words in (
            ("command", self.system.run_command()),
            ("submit command", self.system.submit_command()),
        ):
            if words:
                self._single(name, partial(self.system.run, words), times)
        if self.system.submit_command():
            self.system.wait()

    def _single(self, name: str, run: Callable[[], object], times: int) -> None:
        seconds = []
        for _time in range(times):
            began = time.monotonic()
            run()
            seconds.append(time.monotonic() - began)
        self.found[name] = statistics.median(seconds)

    def listing(self, jobs: int) -> None:
        """Measure the list of many waiting jobs: seconds, and processor seconds of all."""
        words = self.system.list_command()
        if not words:
            return
        self.system.hold(jobs)
        lines = self.system.run(words).count("\n")
        if lines < jobs:
            raise AssertionError(f"{lines} lines for {jobs} jobs")
        tree, began = self._tree(), time.monotonic()
        self.system.run(words)
        self.found["list"] = time.monotonic() - began
        self.found["list processor"] = self._tree() - tree

    def _tree(self) -> float:
        return process_tree.seconds(self.root, self.client)


def _own() -> float:
    """Return the processor seconds of this process without its children."""
    return time.process_time()


def empty_job() -> float:
    """Return the milliseconds of processor that a job takes by itself, started by nobody."""

    def children() -> float:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    before = children()
    for _job in range(BARE):
        subprocess.run(["/bin/sh", "-c", JOB], stdout=subprocess.DEVNULL, check=True)  # noqa: S603
    return 1000 * (children() - before) / BARE


def system_of(name: str) -> type[System]:
    """Return the class of a system."""
    module, kind = SYSTEMS[name].split(".")
    found: type[System] = getattr(importlib.import_module(f"benchmarks.peers.{module}"), kind)
    return found


def measure(kind: type[System], options: argparse.Namespace) -> dict[str, float]:
    """Run the whole course with one system."""
    system = kind()
    try:
        trial = Trial(system, options.jobs)
        trial.start(options.slots)
        for way in options.ways.split(","):
            work = {"one": trial.one_by_one, "bulk": lambda: system.submit_many(options.jobs)}[way]
            trial.batch(way, work)
        if options.singles:
            trial.singles(options.singles)
        if options.listed:
            trial.listing(options.listed)
        return trial.found
    finally:
        system.stop()


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and print JSON: numbers, or what is missing."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers.trial", description=__doc__)
    parser.add_argument("system", choices=SYSTEMS)
    parser.add_argument("--jobs", type=int, default=300)
    parser.add_argument("--slots", type=int, default=8)
    parser.add_argument("--ways", default="one,bulk")
    parser.add_argument("--singles", type=int, default=0)
    parser.add_argument("--listed", type=int, default=0)
    options = parser.parse_args(arguments)
    # Workers of the Python systems import the function of a job.
    os.environ["PYTHONPATH"] = str(ROOT)
    kind = system_of(options.system)
    if missing := kind.missing():
        print(json.dumps({"missing": missing}))
        return 0
    print(json.dumps({"version": kind.version(), **measure(kind, options)}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
