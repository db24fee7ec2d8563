"""What one short job costs: processor time, processes, fsyncs and requests. See README.md here."""

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks import processes
from benchmarks.system_calls import PROGRAM, Counts, attached, traced
from tests.acceptance.conftest import RESOURCE, DaemonProcess, signed_up
from tests.support.grid import Grid, UserCalls, running, wait_for

APPLICATIONS = Path(__file__).resolve().parents[1] / "applications"
# No account has it.
NOBODY = 60_001
SLOTS = 8
LONGEST = 600.0
# What a job is; hello_world waits a second by default.
INPUTS = {"command": (b"echo hello\n", ""), "hello_world": (b"me", "<seconds> 0 </seconds>")}


class CountedDaemon(DaemonProcess):
    """A daemon that offers one application, perhaps of an ordinary user, perhaps traced."""

    def __init__(
        self, grid: Grid, application: str, is_root: bool, trace: Path | None = None, slots: int = SLOTS
    ) -> None:
        self.application = application
        self.slots = slots
        self.prefix = traced(trace) if trace else []
        self.owner = 0 if is_root else NOBODY
        super().__init__(grid)
        if not is_root and os.geteuid() == 0:
            drop = ["--clear-groups", "--inh-caps=-all", "--no-new-privs"]
            self.prefix += ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", *drop, "--"]
            for path in (self.directory, *self.directory.rglob("*")):
                os.chown(path, NOBODY, NOBODY)

    def configure(self) -> None:
        """Write the configuration, with copies of the credentials that its user can read."""
        issued = self.grid.people.resource(RESOURCE)
        place = APPLICATIONS / self.application
        text = (place / "LGI.cfg.example").read_text()
        for old, path in {
            "../../certificates/LGI+CA.crt": self.grid.people.authority.ca_file,
            "../../certificates/laptop.crt": issued.certificate,
            "../../certificates/laptop.key": issued.key,
        }.items():
            text = text.replace(old, shutil.copy(path, self.directory))
        for old, new in {
            "./runhere": str(self.run_directory),
            "https://localhost/LGI": self.grid.url,
            " ./": f" {place}/",
            "<any> 1 </any>": f"<any> {self.slots} </any>",
            "<any> 5 </any>": f"<any> {self.slots} </any>",
            "<job_limit> 4 ": f"<job_limit> {self.slots} ",
        }.items():
            text = text.replace(old, new)
        self.configuration.write_text(text)

    def command(self) -> list[str | Path]:
        """Return the words that start it."""
        return [*self.prefix, *super().command()]


@dataclass(frozen=True)
class Cost:
    """Milliseconds of processor of the parts, and requests, of some jobs together.

    ``repository`` are those of the requests that are for files of repositories.
    """

    server: float
    daemon: float
    scripts: float
    requests: float
    repository: float

    def since(self, before: "Cost", jobs: int) -> "Cost":
        """Return the cost of one of the jobs between two measurements."""
        pairs = zip(vars(self).values(), vars(before).values(), strict=True)
        return Cost(*((now - then) / jobs for now, then in pairs))


def cost(grid: Grid, daemon: DaemonProcess, requests: tuple[float, float] = (0.0, 0.0)) -> Cost:
    """Return the cost so far, with ``requests`` as `_requests` returns them.

    The scripts are all processes that the daemon has waited for.
    """
    assert grid.process is not None  # noqa: S101 - it was started
    assert daemon.process is not None  # noqa: S101 - it was started
    own, children = processes.of_parent(daemon.process.pid)
    server = processes.used(grid.process.pid, 0).server
    return Cost(1000 * server, 1000 * own, 1000 * children, *requests)


def _requests(grid: Grid) -> tuple[float, float]:
    """Return how many requests the server has answered, and how many of them were for files.

    Calls of users and of this benchmark are left out.
    """
    client = grid.user().client
    text = client.session.get(f"{grid.url}/metrics", timeout=30).text
    calls = files = 0.0
    for line in text.splitlines():
        is_call = line.startswith("lgi_calls_total{") and 'call="interface_' not in line
        is_file = line.startswith("lgi_pages_total{") and 'page="repository' in line
        calls += float(line.split()[-1]) if is_call else 0.0
        files += float(line.split()[-1]) if is_file else 0.0
    return calls + files, files


def run_jobs(grid: Grid, daemon: DaemonProcess, user: UserCalls, jobs: int) -> float:
    """Run some jobs; return the seconds until all are finished, and gone from the resource."""
    program, specifics = INPUTS[daemon.application]
    began = time.monotonic()
    for _job in range(jobs):
        user.submit(application=daemon.application, input=program.hex(), job_specifics=specifics)
    question = "SELECT COUNT(*) AS n FROM job_queue WHERE state <> 'finished'"
    wait_for(lambda: grid.rows(question)[0]["n"] == 0 and not daemon.jobs(), LONGEST)
    return time.monotonic() - began


def measure(application: str, is_root: bool, jobs: int) -> tuple[Cost, float]:
    """Return the cost of a job, and the jobs per second, without a tracer."""
    with _grid() as grid, signed_up(CountedDaemon(grid, application, is_root, None)) as daemon:
        user = grid.user()
        run_jobs(grid, daemon, user, 2)
        # The counters are read outside of the measurement: that takes the server ten milliseconds.
        before = cost(grid, daemon, _requests(grid))
        seconds = run_jobs(grid, daemon, user, jobs)
        after = cost(grid, daemon)
        requests, repository = _requests(grid)
        after = replace(after, requests=requests, repository=repository)
        return after.since(before, jobs), jobs / seconds


def count(application: str, is_root: bool, jobs: int) -> tuple[Counts, Counts]:
    """Return the system calls per job of the daemon with its scripts, and of the server."""
    with tempfile.TemporaryDirectory(prefix="lgi-trace-") as place, _grid() as grid:
        of_daemon, of_server = Path(place, "daemon"), Path(place, "server")
        with signed_up(CountedDaemon(grid, application, is_root, of_daemon)) as daemon:
            user = grid.user()
            run_jobs(grid, daemon, user, 2)
            assert grid.process is not None  # noqa: S101 - it was started
            with attached(processes.members(grid.process.pid), of_server):
                before = Counts.read(of_daemon), Counts.read(of_server)
                run_jobs(grid, daemon, user, jobs)
                after = Counts.read(of_daemon), Counts.read(of_server)
        return after[0].since(before[0], jobs), after[1].since(before[1], jobs)


@contextmanager
def _grid() -> Iterator[Grid]:
    with running(Grid(settings={"local_metrics": "true"})) as grid:
        yield grid


def row(application: str, is_root: bool, arguments: argparse.Namespace) -> str:
    """Measure one kind of job; return its row of the table."""
    used, rate = measure(application, is_root, arguments.jobs)
    columns = [f"{used.server:6.0f} {used.daemon:6.0f} {used.scripts:7.0f}"]
    columns.append(f"{used.server + used.daemon + used.scripts:6.0f} {rate:6.1f} {used.requests:8.1f}")
    if arguments.traced and shutil.which(PROGRAM):
        daemon, server = count(application, is_root, arguments.traced)
        columns.append(f"{daemon.execs:6.1f} {daemon.forks:6.1f} {daemon.syncs:7.1f} {server.syncs:7.1f}")
    return f"{application:12}{'root' if is_root else 'a user':8}" + " ".join(columns)


def main() -> int:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.job_cost", description=__doc__)
    parser.add_argument("--jobs", type=int, default=40, help="of each kind, for the processor time")
    parser.add_argument("--traced", type=int, default=8, help="of each kind, for the counts; 0: none")
    parser.add_argument("--application", choices=INPUTS, action="append")
    parser.add_argument("--user", choices=("root", "ordinary"), action="append")
    arguments = parser.parse_args()
    if not shutil.which(PROGRAM):
        print(f"{PROGRAM} is missing: processes and fsyncs are not counted", file=sys.stderr)
    print(f"per job; milliseconds of processor; {SLOTS} slots; system calls as {PROGRAM} counts them")
    print(f"{'':20}server daemon scripts   all jobs/s requests  exec   fork  fsync, of the server")
    users = arguments.user or (["root", "ordinary"] if os.geteuid() == 0 else ["ordinary"])
    for application in arguments.application or INPUTS:
        for user in users:
            print(row(application, user == "root", arguments), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
