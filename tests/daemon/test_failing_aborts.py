"""An abort that fails again and again: no job stays because it refuses to end."""

from pathlib import Path

import pytest

from lgi_daemon.jobs.completion import MAX_ABORTS
from tests.support.workshop import FAST, Workshop, only


@pytest.mark.parametrize("state", ["aborting", "taken over"])
def test_a_job_that_kills_its_abort_script_is_killed_itself(workshop: Workshop, state: str) -> None:
    """The script runs under the job's own uid, so the job can; all of that uid is killed first then."""
    if not workshop.as_root:
        pytest.skip("only root runs jobs as other users")
    # Never under the uid of somebody who runs the tests.
    kill_all = '[ "$(id -u)" -ge 2000000 ] || exit; while :; do kill -9 -1; done'
    workshop.write_script("job_run_script", f": > is_running; {kill_all}")
    workshop.write_script("job_abort_script", "sleep 0.3; rm -f is_running")
    workshop.server.submit("1")
    daemon = workshop.daemon()
    workshop.tick(daemon)
    workshop.tick(daemon, 1.0)
    changes = {"state": "aborting"} if state == "aborting" else {"job_specifics": "<daemon_reference> X"}
    workshop.server.change("1", **changes)

    looks = 0
    while len(daemon.jobs) and looks < 10:
        workshop.tick(daemon, FAST)
        looks += 1

    assert looks < 5
    # One that is killed at once does not even note its call.
    assert workshop.acts().count("abort") <= MAX_ABORTS
    assert workshop.server.jobs["1"].state == ("aborted" if state == "aborting" else "running")


def test_a_job_that_fooled_its_abort_script_is_aborted_all_the_same(workshop: Workshop) -> None:
    """It owns the marks the script goes by; its output says what was done."""
    if not workshop.as_root:
        pytest.skip("only root runs jobs as other users")
    workshop.server.submit("1")
    daemon = workshop.daemon()
    workshop.tick(daemon)
    workshop.marked(only(daemon), "is_running", "fail_job_abort_script")
    workshop.server.change("1", state="aborting")

    for _ in range(4):
        workshop.tick(daemon, FAST)

    job = workshop.server.jobs["1"]
    assert (job.state, len(daemon.jobs)) == ("aborted", 0)
    assert b"[LGI: job_abort_script failed; the processes of the job were killed]" in job.output


def test_the_pauses_between_tries_of_an_abort_grow(place: Path) -> None:
    """Processes that cannot be identified safely are only asked to end, at growing intervals."""
    workshop = Workshop(place, as_root=False)
    workshop.server.submit("1")
    daemon = workshop.daemon()
    workshop.tick(daemon)
    workshop.marked(only(daemon), "is_running", "fail_job_abort_script")
    workshop.server.change("1", state="aborting")

    for _ in range(60):
        workshop.tick(daemon, FAST)

    assert len(daemon.jobs) == 1
    assert 10 < workshop.acts().count("abort") < 20
