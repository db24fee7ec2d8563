"""Memory and processor time of a daemon with a thousand running jobs. See README.md here."""

import argparse
import os
import re
import resource
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from lgi_daemon.execution.scripts import ScriptContext, Scripts
from tests.acceptance.conftest import RESOURCE, DaemonProcess, offers
from tests.support.grid import Grid, wait_for

# The limits for a thousand jobs, including all processes that the daemon has waited for.
MOST_MEMORY = 60.0  # MB
MOST_LOOK = 0.5  # seconds of processor time
LONGEST_START = 1800.0
_TICKS = os.sysconf("SC_CLK_TCK")


def main() -> int:
    """Measure and print. Returns 1 when a limit is exceeded."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--jobs", type=int, default=1000)
    jobs: int = arguments.parse_args().jobs
    grid = Grid()
    daemon = None
    try:
        grid.start()
        grid.clear()
        grid.resource(RESOURCE, "").sign_off()
        daemon = DaemonProcess(grid)
        _allow(daemon, jobs)
        return _measure(grid, daemon, jobs)
    finally:
        if daemon:
            daemon.remove()
        grid.remove()


def _measure(grid: Grid, daemon: DaemonProcess, jobs: int) -> int:
    _begin(grid, daemon, jobs)
    # The measured daemon has recovered all jobs at its start, and has LGI's cycles of two and ten minutes.
    daemon.stop()
    daemon.seconds = (120, 600)
    daemon.start()
    _quiet(daemon)
    memory = _memory(daemon)
    idle = _used_by(daemon, lambda: time.sleep(20)) / 20
    cycle = _used_by(daemon, lambda: _reload(daemon))
    memory = max(memory, _memory(daemon))
    scripts = _own(lambda: _ask_all(daemon))
    print(f"{jobs} running hello_world jobs")
    print(f"memory of the daemon (Pss)              {memory:8.1f} MB  (promised: {MOST_MEMORY:g})")
    print(f"  with all of what it shares with others (Rss) {_resident(daemon):4.1f} MB")
    print(f"each second, whether one has ended      {1000 * idle:8.0f} ms of processor")
    print(f"a fast cycle: all asked after and looked at {cycle:4.2f} s  (promised: {MOST_LOOK:g})")
    print(f"their check scripts, every 5 to 10 minutes  {scripts:4.2f} s of processor")
    return int(memory > MOST_MEMORY or cycle > MOST_LOOK)


def _allow(daemon: DaemonProcess, jobs: int) -> None:
    """Set all job limits of the configuration."""
    text = daemon.configuration.read_text()
    text = re.sub(r"<any> \d+ </any>", f"<any> {jobs} </any>", text)
    daemon.configuration.write_text(re.sub(r"<job_limit> \d+ <", f"<job_limit> {jobs} <", text))


def _begin(grid: Grid, daemon: DaemonProcess, jobs: int) -> None:
    """Submit the jobs and wait until all run."""
    user = grid.user()
    daemon.seconds = (10, 11)
    daemon.start()
    wait_for(lambda: offers(grid))
    began = time.monotonic()
    for _job in range(jobs):
        user.submit(input=b"hi".hex(), job_specifics="<seconds> 99999 </seconds>")
    wait_for(lambda: len(list(daemon.run_directory.glob("LGI/hello_world/*/running"))) == jobs, LONGEST_START)
    print(f"submitting, accepting and starting took    {time.monotonic() - began:8.0f} s", flush=True)


def _reload(daemon: DaemonProcess) -> None:
    """Reload the configuration, so that all jobs are checked and polled as at the end of a fast cycle."""
    assert daemon.process is not None  # noqa: S101 - it was started
    daemon.process.send_signal(signal.SIGHUP)
    _quiet(daemon)


def _quiet(daemon: DaemonProcess) -> None:
    """Wait until the daemon has been idle for three seconds."""
    calm = 0
    while calm < 3:
        calm = calm + 1 if _used_by(daemon, lambda: time.sleep(1)) < 0.2 else 0


def _used_by(daemon: DaemonProcess, event: Callable[[], None]) -> float:
    """Measure the processor seconds of the daemon and its ended children during a block."""
    before = _used(daemon)
    event()
    return _used(daemon) - before


def _used(daemon: DaemonProcess) -> float:
    stat = _proc(daemon, "stat").rpartition(")")[2].split()
    return sum(int(field) for field in stat[11:15]) / _TICKS


def _memory(daemon: DaemonProcess) -> float:
    """Return the proportional memory, as of all programs in these benchmarks, in MB."""
    return _number(r"Pss:\s*(\d+) kB", _proc(daemon, "smaps_rollup")) / 1024


def _resident(daemon: DaemonProcess) -> float:
    return _number(r"VmRSS:\s*(\d+) kB", _proc(daemon, "status")) / 1024


def _number(pattern: str, text: str) -> int:
    found = re.search(pattern, text)
    return int(found[1]) if found else 0


def _proc(daemon: DaemonProcess, name: str) -> str:
    assert daemon.process is not None  # noqa: S101 - it was started
    return Path(f"/proc/{daemon.process.pid}/{name}").read_text()


def _own(work: Callable[[], None]) -> float:
    """Return the processor seconds of this process and its children for some work."""

    def used() -> float:
        found = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return sum(one.ru_utime + one.ru_stime for one in found)

    before = used()
    work()
    return used() - before


def _ask_all(daemon: DaemonProcess) -> None:
    """Run the job_check_running_script of each job once."""
    for job in daemon.jobs():
        uid = job.stat().st_uid if os.geteuid() == 0 else None
        Scripts().status(job / "LGI_job_check_running_script", ScriptContext(job, uid))


if __name__ == "__main__":
    sys.exit(main())
