"""Long polls start and abort jobs within seconds, with a daemon of LGI's cycles (two and ten minutes)."""

import time
from collections.abc import Callable

import pytest

from tests.acceptance.conftest import DaemonProcess
from tests.support.grid import Grid, UserCalls, wait_for

pytestmark = pytest.mark.slow


def seconds_until(what: Callable[[], bool]) -> float:
    """Return the seconds until a condition is true; fail after a minute."""
    began = time.monotonic()
    wait_for(what)
    return time.monotonic() - began


def patient(daemon: DaemonProcess) -> None:
    """Start a daemon that would ask for work every ten minutes, and wait until it is idle."""
    daemon.stop()
    daemon.seconds = (120, 600)
    daemon.start()
    wait_for(lambda: "announces jobs of project LGI" in daemon.log.read_text())
    time.sleep(1)


def start_and_abort(user: UserCalls, daemon: DaemonProcess) -> tuple[float, float]:
    """Return the seconds from submit to run script, and those from deletion to the end of the job."""
    job_id = user.submit(input=b"hi".hex(), job_specifics="<seconds> 600 </seconds>")
    start = seconds_until(lambda: any((job / "running").exists() for job in daemon.jobs()))
    wait_for(lambda: user.state(job_id) == "running")
    user.delete(job_id)
    abort = seconds_until(lambda: user.state(job_id) == "aborted")
    wait_for(lambda: daemon.jobs() == [])
    return start, abort


def test_a_job_starts_within_a_second_and_its_abort_is_seen_within_two(
    grid: Grid, daemon: DaemonProcess
) -> None:
    """The best of several measurements counts, since the machine may be busy; the resource is idle."""
    patient(daemon)
    starts, aborts = [], []

    while len(starts) < 10 and not (starts and min(starts) < 1.0 and min(aborts) < 2.0):
        start, abort = start_and_abort(grid.user(), daemon)
        starts.append(start)
        aborts.append(abort)

    assert min(starts) < 1.0, starts
    assert min(aborts) < 2.0, aborts
