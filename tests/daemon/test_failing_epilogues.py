"""An epilogue that keeps failing does not block its job or others for ever."""

import subprocess

import pytest

from lgi_daemon.jobs.completion import MAX_EPILOGUES
from lgi_daemon.jobs.failure_count import EX_TEMPFAIL
from lgi_daemon.jobs.schedule import LONGEST_RETRY_DELAY
from lgi_daemon.loop.daemon import Daemon
from tests.support.workshop import FAST, SLOW, Workshop, only, until


def finished_job(workshop: Workshop) -> Daemon:
    """A daemon with a job that has finished and whose epilogue fails."""
    workshop.server.submit("1")
    daemon = workshop.daemon()
    workshop.tick(daemon)
    workshop.tick(daemon, 1.0)
    workshop.marked(only(daemon), "is_finished", "fail_job_epilogue_script")
    return daemon


def test_a_job_ends_without_its_epilogue_after_some_tries_with_growing_pauses(workshop: Workshop) -> None:
    """The output has the reason for the user; the slot is free."""
    daemon = finished_job(workshop)
    tries = []

    for _ in range(200):
        workshop.tick(daemon, FAST / 2)
        tries.append(workshop.acts().count("epilogue"))
        if not len(daemon.jobs):
            break

    job = workshop.server.jobs["1"]
    assert (job.state, tries[-1], len(daemon.jobs)) == ("finished", MAX_EPILOGUES, 0)
    assert b"[LGI: job_epilogue_script failed 8 times; files may be missing]" in job.output
    assert MAX_EPILOGUES * 4 < len(tries) < 100


def test_the_failures_of_an_epilogue_survive_the_daemon(workshop: Workshop) -> None:
    """A machine that is restarted each night would try such a job for ever."""
    daemon = finished_job(workshop)
    turns = 0

    while len(daemon.jobs) and turns < 50:
        daemon = workshop.restart(daemon)
        for _tick in range(4):
            workshop.tick(daemon, FAST / 2)
        turns += 1

    assert workshop.server.jobs["1"].state == "finished"
    assert workshop.acts().count("epilogue") == MAX_EPILOGUES


def test_an_epilogue_that_succeeds_at_last_leaves_no_remark(workshop: Workshop) -> None:
    """A server that was away for a while is no reason to lose files."""
    daemon = finished_job(workshop)
    workshop.tick(daemon, FAST)
    workshop.marked(only(daemon), "is_finished")

    for _ in range(4):
        workshop.tick(daemon, SLOW)

    assert workshop.server.jobs["1"].state == "finished"
    assert b"LGI:" not in workshop.server.jobs["1"].output


@pytest.mark.parametrize("says", ["later", "failed while the server is away"])
def test_no_outage_however_long_costs_the_results(workshop: Workshop, says: str) -> None:
    """An epilogue that says "later" is no failure, nor is one that fails while the server does not answer."""
    daemon = finished_job(workshop)
    if says == "later":
        script = daemon.run.script(only(daemon).record, "job_epilogue_script")
        script.chmod(0o755)
        script.write_text(f"#!/bin/sh\necho job_epilogue_script >> {workshop.journal}; exit {EX_TEMPFAIL}\n")
    else:
        workshop.server.fail("job_state", times=10_000)

    for _ in range(3 * MAX_EPILOGUES):
        workshop.tick(daemon, LONGEST_RETRY_DELAY)

    assert workshop.acts().count("epilogue") > 2 * MAX_EPILOGUES
    assert workshop.server.jobs["1"].state == "running"
    assert len(daemon.jobs) == 1


@pytest.mark.slow
def test_the_end_of_an_outage_ends_the_pauses_between_tries(workshop: Workshop) -> None:
    """Pauses of up to ten minutes end within a fast cycle after the server's return."""
    daemon = finished_job(workshop)
    workshop.tick(daemon, FAST)
    workshop.server.fail("job_state", times=50)
    for _ in range(30):
        workshop.tick(daemon, LONGEST_RETRY_DELAY)
    workshop.server.faults.clear()
    workshop.marked(only(daemon), "is_finished")
    only(daemon).schedule.next_check = workshop.now + 10 * LONGEST_RETRY_DELAY

    workshop.tick(daemon, LONGEST_RETRY_DELAY)

    assert workshop.server.jobs["1"].state == "finished"


def test_an_abort_is_not_held_up_by_a_failing_epilogue(workshop: Workshop) -> None:
    """The files are not wanted any more: after one failure the job is reported as aborted."""
    daemon = finished_job(workshop)
    workshop.tick(daemon, FAST)
    assert len(daemon.jobs) == 1
    workshop.server.change("1", state="aborting")

    for _ in range(3):
        workshop.tick(daemon, FAST)

    assert workshop.server.jobs["1"].state == "aborted"
    assert "job_epilogue_script failed 2 times" in workshop.server.jobs["1"].end.reason
    assert len(daemon.jobs) == 0


def test_processes_that_a_finished_job_left_end_before_its_files_are_fetched(workshop: Workshop) -> None:
    """Under its own uid all are killed, in any session and with any environment."""
    if not workshop.as_root:
        pytest.skip("only root runs jobs as other users")
    workshop.server.submit("1")
    daemon = workshop.daemon()
    workshop.tick(daemon)
    workshop.tick(daemon, 1.0)
    uid = only(daemon).record.uid
    left = subprocess.Popen(["/usr/bin/sleep", "600"], user=uid, group=uid, start_new_session=True)
    workshop.marked(only(daemon), "is_finished", "fail_job_epilogue_script")

    workshop.tick(daemon, FAST)

    until(lambda: left.poll() is not None)
    assert len(daemon.jobs) == 1
