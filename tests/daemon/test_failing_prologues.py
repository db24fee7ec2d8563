"""A prologue that fails again and again: its job does not stay "running" for ever without a word."""

import pytest

from lgi_daemon.execution.scripts import ScriptTimeouts
from lgi_daemon.jobs.failure_count import EX_TEMPFAIL
from lgi_daemon.jobs.prologue import MAX_PROLOGUES
from lgi_daemon.jobs.schedule import LONGEST_RETRY_DELAY
from lgi_daemon.loop.daemon import Daemon
from lgi_protocol.job_end import Result
from tests.support.workshop import FAST, SLOW, Workshop, only, until


def claimed(workshop: Workshop, body: str) -> Daemon:
    """A daemon whose job is claimed, with this prologue."""
    workshop.write_script("job_prologue_script", body)
    workshop.server.submit("1")
    daemon = workshop.daemon()
    workshop.tick(daemon)
    return daemon


def test_a_job_whose_prologue_keeps_failing_is_aborted_with_the_reason(workshop: Workshop) -> None:
    """After several attempts with growing pauses the user gets the reason, and the slot is free."""
    daemon = claimed(workshop, "exit 3")
    ticks = 0

    while len(daemon.jobs) and ticks < 200:
        workshop.tick(daemon, FAST / 2)
        ticks += 1

    job = workshop.server.jobs["1"]
    reason = "job_prologue_script failed 8 times, the job was not started: exit status 3"
    assert (job.state, job.end.reason, job.end.result(job.state)) == ("aborted", reason, Result.FAILED)
    assert job.output == f"[LGI: {reason}]\n".encode()
    assert workshop.acts().count("prologue") == MAX_PROLOGUES
    assert "run" not in workshop.acts()
    assert workshop.tree() == []
    assert MAX_PROLOGUES * 4 < ticks < 100


def test_the_failures_of_a_prologue_survive_the_daemon(workshop: Workshop) -> None:
    """A machine that is restarted each night would try such a job for ever."""
    daemon = claimed(workshop, "exit 3")
    ticks = 0

    while len(daemon.jobs) and ticks < 200:
        daemon = workshop.restart(daemon)
        for _tick in range(4):
            workshop.tick(daemon, FAST / 2)
            ticks += 1

    job = workshop.server.jobs["1"]
    assert job.state == "aborted"
    assert "job_prologue_script failed 8 times" in job.end.reason
    assert workshop.acts().count("prologue") == MAX_PROLOGUES


def test_a_job_whose_prologue_succeeds_at_last_runs(workshop: Workshop) -> None:
    """The failures are not reported, and later pauses start with the shortest again."""
    daemon = claimed(workshop, "[ -e now ]")
    for _ in range(3):
        workshop.tick(daemon, SLOW)
    job = only(daemon)
    (job.run.files(job.record).path / "now").touch()

    workshop.tick(daemon, SLOW)
    workshop.tick(daemon, 1.0)
    until(lambda: "run" in workshop.acts())

    assert (job.remark, job.schedule.start_failures) == ("", 0)


@pytest.mark.parametrize("says", ["later", "failed while the server is away"])
def test_a_job_whose_prologue_must_wait_is_not_given_up(workshop: Workshop, says: str) -> None:
    """Files that it needs may be on a server that is away for days."""
    daemon = claimed(workshop, f"exit {EX_TEMPFAIL if says == 'later' else 1}")
    if says != "later":
        workshop.server.fail("job_state", times=10_000)

    for _ in range(3 * MAX_PROLOGUES):
        workshop.tick(daemon, LONGEST_RETRY_DELAY)

    assert workshop.acts().count("prologue") > 2 * MAX_PROLOGUES
    assert workshop.server.jobs["1"].state == "running"
    assert len(daemon.jobs) == 1


@pytest.mark.slow
def test_a_job_whose_prologue_never_ends_is_aborted(workshop: Workshop) -> None:
    """Each of its prologues is killed when its time is over."""
    workshop.timeouts = ScriptTimeouts(stage=0.2)
    daemon = claimed(workshop, "sleep 60")

    for _ in range(4 * MAX_PROLOGUES):
        workshop.tick(daemon, 3 * LONGEST_RETRY_DELAY)

    job = workshop.server.jobs["1"]
    assert job.state == "aborted"
    assert "exceeded its timeout of 0.2 s" in job.end.reason
    assert len(daemon.jobs) == 0
