"""A job's life: what the server wants and the scripts say, carried out and reported."""

import logging

import pytest

from lgi_daemon.processes import alive
from lgi_daemon.record import Phase
from lgi_protocol.errors import ErrorNumber
from lgi_protocol.job_directory import JobDirectory

from .fake_server import FakeServer, refused
from .workshop import FAST, Workshop, only, until


@pytest.fixture
def server(workshop: Workshop) -> FakeServer:
    """The master with one queued job."""
    workshop.server.submit("1")
    return workshop.server


def test_a_job_is_started_in_the_tick_that_takes_it(workshop: Workshop, server: FakeServer) -> None:
    """Nobody waits for a cycle: system limits, limits, prologue and run follow each other at once."""
    daemon = workshop.daemon()

    workshop.tick(daemon)

    until(lambda: "run" in workshop.acts())
    assert workshop.acts() == ["check_system_limits", "check_limits", "prologue", "run"]
    assert server.jobs["1"].state == "running"


def test_a_finished_job_is_reported_with_its_output_and_removed(
    workshop: Workshop, server: FakeServer
) -> None:
    """Epilogue, lock, update, unlock; the directory goes when the server has confirmed."""
    daemon = workshop.daemon()
    workshop.tick(daemon)
    job = only(daemon)
    workshop.marked(job, "is_finished")
    (job.run.files(job.record).path / "LGI_output").write_bytes(b"the answer")

    workshop.tick(daemon, 1.0)

    assert server.jobs["1"].state == "finished"
    assert server.jobs["1"].output == b"the answer"
    assert workshop.acts()[-1] == "epilogue"
    assert workshop.tree() == []
    assert list(daemon.jobs) == []
    assert (server.locks, server.sessions) == ({}, set())


def test_a_run_script_that_ends_is_noticed_at_once(workshop: Workshop, server: FakeServer) -> None:
    """The end of the process is a reason to ask the scripts, long before their next turn."""
    workshop.write_script("job_run_script", ": > is_running; sleep 0.2; : > is_finished; rm is_running")
    daemon = workshop.daemon()
    workshop.tick(daemon)
    job = only(daemon)
    identity = job.record.run
    assert identity is not None
    until(lambda: (job.run.files(job.record).path / "is_running").exists())
    workshop.tick(daemon, 30.0)
    until(lambda: not alive(identity))

    workshop.tick(daemon, 0.1)

    assert server.jobs["1"].state == "finished"


def test_servers_are_asked_once_per_fast_cycle_only(workshop: Workshop, server: FakeServer) -> None:
    """Looking at the scripts every second costs the server nothing."""
    daemon = workshop.daemon()
    workshop.tick(daemon)
    workshop.marked(only(daemon), "is_running")
    server.calls.clear()

    for _second in range(int(FAST) - 2):
        workshop.tick(daemon, 1.0)
    before = list(server.made("job_state"))
    workshop.tick(daemon, 3.0)

    assert before == []
    assert server.made("job_state") == ["job_state"]


def test_a_job_that_is_not_idle_yet_is_not_started_twice(workshop: Workshop, server: FakeServer) -> None:
    """While the run script lives the job counts as running, also before its first mark."""
    workshop.write_script("job_run_script", "sleep 5")
    daemon = workshop.daemon()
    workshop.tick(daemon)

    for _restart in range(3):
        daemon = workshop.restart(daemon)
        workshop.tick(daemon, 1.0)

    until(lambda: "run" in workshop.acts())
    assert workshop.acts().count("run") == 1
    only(daemon).remove()


def test_a_job_that_leaves_no_mark_is_restarted_once_per_fast_cycle(
    workshop: Workshop, server: FakeServer
) -> None:
    """As LGI: neither running nor finished means start; but not every second."""
    workshop.write_script("job_run_script", "exit 1")
    daemon = workshop.daemon()
    workshop.tick(daemon)
    identity = only(daemon).record.run
    assert identity is not None
    until(lambda: not alive(identity))

    workshop.tick(daemon, 1.0)
    starts_soon = workshop.acts().count("prologue")
    workshop.tick(daemon, FAST)

    assert starts_soon == 1
    assert workshop.acts().count("prologue") == 2


def test_a_failing_prologue_is_tried_again_and_nothing_is_run(workshop: Workshop, server: FakeServer) -> None:
    """A step stops at its first failure, until the next look."""
    workshop.write_script("job_prologue_script", "exit 1")
    daemon = workshop.daemon()
    workshop.tick(daemon)

    workshop.tick(daemon, FAST)

    assert workshop.acts().count("prologue") == 2
    assert "run" not in workshop.acts()


def test_an_aborted_job_is_ended_by_its_script_and_reported(workshop: Workshop, server: FakeServer) -> None:
    """The user deletes a running job: abort script, state aborted with the output so far, directory gone."""
    daemon = workshop.daemon()
    workshop.tick(daemon)
    workshop.marked(only(daemon), "is_running")
    server.change("1", state="aborting")

    workshop.tick(daemon, FAST)

    assert server.jobs["1"].state == "aborted"
    assert "abort" in workshop.acts()
    assert "epilogue" not in workshop.acts()
    assert workshop.tree() == []


def test_an_abort_does_not_wait_for_the_details(workshop: Workshop, server: FakeServer) -> None:
    """What job_state said counts at once; the details settle the rest when they can be had."""
    daemon = workshop.daemon()
    workshop.tick(daemon)
    workshop.marked(only(daemon), "is_running")
    server.change("1", state="aborting")
    server.fail("details", refused(ErrorNumber.DATABASE))

    workshop.tick(daemon, FAST)

    assert server.jobs["1"].state == "aborted"


def test_a_failing_abort_is_tried_again(workshop: Workshop, server: FakeServer) -> None:
    """A batch system needs two calls: the first cancels, the second finds the job gone."""
    daemon = workshop.daemon()
    workshop.tick(daemon)
    workshop.marked(only(daemon), "is_running", "fail_job_abort_script")
    server.change("1", state="aborting")
    workshop.tick(daemon, FAST)
    state_between = server.jobs["1"].state
    workshop.marked(only(daemon), "is_running")

    workshop.tick(daemon, FAST)

    assert state_between == "aborting"
    assert server.jobs["1"].state == "aborted"


def test_a_job_aborted_before_it_ran_is_never_started(workshop: Workshop, server: FakeServer) -> None:
    """LGI 1.31 would start it."""
    workshop.write_script("job_prologue_script", "exit 1")
    daemon = workshop.daemon()
    workshop.tick(daemon)
    workshop.write_script("job_prologue_script", "")
    server.change("1", state="aborting")

    workshop.tick(daemon, FAST)

    assert server.jobs["1"].state == "aborted"
    assert "run" not in workshop.acts()


def test_a_job_taken_over_by_another_daemon_is_ended_silently(workshop: Workshop, server: FakeServer) -> None:
    """Its scripts kill it, its output is ignored, the server hears nothing."""
    daemon = workshop.daemon()
    workshop.tick(daemon)
    workshop.marked(only(daemon), "is_running")
    theirs = f"<daemon_reference> {'0' * 32} </daemon_reference>"
    server.change("1", job_specifics=theirs)
    server.calls.clear()

    workshop.tick(daemon, FAST)

    assert "abort" in workshop.acts()
    assert workshop.tree() == []
    assert server.made("update", "lock") == []
    assert server.jobs["1"].state == "running"


@pytest.mark.parametrize("number", [ErrorNumber.NO_JOB, ErrorNumber.NOT_VISIBLE])
def test_a_job_the_server_no_longer_shows_us_is_ended(
    workshop: Workshop, server: FakeServer, number: ErrorNumber
) -> None:
    """Errors 15 and 24 mean: not yours any more."""
    daemon = workshop.daemon()
    workshop.tick(daemon)
    workshop.marked(only(daemon), "is_running")
    server.fail("job_state", refused(number))

    workshop.tick(daemon, FAST)

    assert "abort" in workshop.acts()
    assert workshop.tree() == []


@pytest.mark.parametrize("number", [ErrorNumber.DATABASE, ErrorNumber.CERTIFICATE, ErrorNumber.BACK_OFF])
def test_other_errors_leave_a_job_alone(workshop: Workshop, server: FakeServer, number: ErrorNumber) -> None:
    """A server in trouble must not cost anybody a job."""
    daemon = workshop.daemon()
    workshop.tick(daemon)
    workshop.marked(only(daemon), "is_running")
    server.fail("job_state", refused(number), times=3)

    for _cycle in range(3):
        workshop.tick(daemon, FAST)

    assert len(workshop.tree()) == 1
    assert "abort" not in workshop.acts()


def test_a_job_put_back_in_the_queue_is_disowned(workshop: Workshop, server: FakeServer) -> None:
    """Dropped and running: stale at the next look, so that two resources never work on it for long."""
    daemon = workshop.daemon()
    workshop.tick(daemon)
    workshop.marked(only(daemon), "is_running")
    server.change("1", state="queued")
    server.fail("request_work", refused(ErrorNumber.DATABASE), times=9)

    workshop.tick(daemon, FAST)
    reference = JobDirectory(only(daemon).run.files(only(daemon).record).path).text("LGI_daemon_reference")
    workshop.tick(daemon, 1.0)

    assert reference == "! INVALID !"
    assert workshop.tree() == []
    assert server.jobs["1"].state == "queued"


def test_a_finished_job_that_was_put_back_in_the_queue_is_still_reported(
    workshop: Workshop, server: FakeServer
) -> None:
    """The work is done: under the lock it becomes running, then finished."""
    daemon = workshop.daemon()
    workshop.tick(daemon)
    workshop.marked(only(daemon), "is_finished")
    server.fail("request_work", refused(ErrorNumber.DATABASE), times=9)
    server.change("1", state="queued")

    workshop.tick(daemon, FAST)

    assert server.jobs["1"].state == "finished"


def test_a_report_never_overwrites_another_daemons_job(workshop: Workshop, server: FakeServer) -> None:
    """Between two polls another daemon may have taken the job: the lock is asked whose it is."""
    daemon = workshop.daemon()
    workshop.tick(daemon)
    workshop.marked(only(daemon), "is_finished")
    server.change("1", job_specifics=f"<daemon_reference> {'0' * 32} </daemon_reference>")
    server.calls.clear()

    workshop.tick(daemon, 1.0)
    workshop.tick(daemon, 1.0)

    assert server.made("update") == []
    assert workshop.tree() == []
    assert server.locks == {}


def test_a_lost_answer_to_the_report_is_found_out(workshop: Workshop, server: FakeServer) -> None:
    """The server has it as finished with our reference: that is the confirmation."""
    daemon = workshop.daemon()
    workshop.tick(daemon)
    workshop.marked(only(daemon), "is_finished")
    server.fail("update", after=True)
    workshop.tick(daemon, 1.0)
    kept = workshop.tree()

    workshop.tick(daemon, FAST)

    assert len(kept) == 1
    assert workshop.tree() == []
    assert workshop.acts().count("epilogue") == 1
    assert len(server.made("update")) == 2  # claimed once, reported once
    assert len(server.made("lock")) == 1


def test_a_failed_report_is_repeated_without_the_epilogue(workshop: Workshop, server: FakeServer) -> None:
    """Only what failed is done again, also by the next daemon."""
    daemon = workshop.daemon()
    workshop.tick(daemon)
    workshop.marked(only(daemon), "is_finished")
    server.fail("lock")
    workshop.tick(daemon, 1.0)
    daemon = workshop.restart(daemon)

    workshop.tick(daemon, FAST)

    assert server.jobs["1"].state == "finished"
    assert workshop.acts().count("epilogue") == 1


def test_an_abort_whose_report_failed_stays_an_abort(workshop: Workshop, server: FakeServer) -> None:
    """The marks an abort leaves may look like a finished job: the decision is kept."""
    workshop.write_script("job_abort_script", "rm is_running; : > is_finished")
    daemon = workshop.daemon()
    workshop.tick(daemon)
    workshop.marked(only(daemon), "is_running")
    server.change("1", state="aborting")
    server.fail("update")
    workshop.tick(daemon, FAST)

    workshop.tick(daemon, FAST)

    assert server.jobs["1"].state == "aborted"
    assert "epilogue" not in workshop.acts()


def test_a_report_is_done_when_the_user_deletes_the_job_first(workshop: Workshop, server: FakeServer) -> None:
    """Deleted between the epilogue and the report: nobody is left to be told."""
    daemon = workshop.daemon()
    workshop.tick(daemon)
    workshop.marked(only(daemon), "is_finished")
    server.fail("lock")
    workshop.tick(daemon, 1.0)
    del server.jobs["1"]

    workshop.tick(daemon, FAST)

    assert workshop.tree() == []


def test_a_check_script_that_hangs_decides_nothing(workshop: Workshop, server: FakeServer) -> None:
    """A batch system that does not answer must not make a running job look idle, and be started again."""
    daemon = workshop.daemon()
    workshop.tick(daemon)
    job = only(daemon)
    workshop.marked(job, "is_running")
    trusted = job.run.script(job.record, "job_check_running_script")
    trusted.chmod(0o700)
    trusted.write_text("#!/bin/sh\nsleep 60\n")
    job.says = lambda script, seconds=0.2: type(job).says(job, script, 0.2)  # type: ignore[method-assign]

    workshop.tick(daemon, 1.0)

    assert workshop.acts().count("prologue") == 1
    assert only(daemon) is job


def test_every_session_is_signed_off_and_no_lock_is_left(workshop: Workshop, server: FakeServer) -> None:
    """Whatever fails, a cycle ends with nothing open."""
    daemon = workshop.daemon()
    workshop.tick(daemon)
    workshop.marked(only(daemon), "is_finished")
    for call in ("details", "update", "unlock"):
        server.fail(call, refused(ErrorNumber.DATABASE))

    for _cycle in range(4):
        workshop.tick(daemon, FAST)
        assert (server.sessions, server.locks) == (set(), {})

    assert server.jobs["1"].state == "finished"


def test_changed_lgi_files_are_noticed_and_restored(
    workshop: Workshop, server: FakeServer, caplog: pytest.LogCaptureFixture
) -> None:
    """The record is the truth; what a job writes into LGI_* files is not, and the administrator is told."""
    logging.getLogger("lgi_daemon").propagate = True
    daemon = workshop.daemon()
    workshop.tick(daemon)
    job = only(daemon)
    directory = job.run.files(job.record).path
    workshop.marked(job, "is_running")
    (directory / "LGI_job_id").chmod(0o600)
    (directory / "LGI_job_id").write_text("2")

    workshop.tick(daemon, FAST)

    assert JobDirectory(directory).text("LGI_job_id") == "1"
    assert "LGI_job_id was changed by somebody and is restored" in caplog.text
    assert caplog.text.count("was changed by somebody") == 1


def test_a_change_at_the_server_reaches_the_jobs_files(workshop: Workshop, server: FakeServer) -> None:
    """A differing time stamp: lock, details, unlock, and the directory says the same as the server."""
    daemon = workshop.daemon()
    workshop.tick(daemon)
    job = only(daemon)
    workshop.marked(job, "is_running")
    server.change("1", job_specifics=server.jobs["1"].job_specifics + " <more> 1 </more>")
    server.calls.clear()

    workshop.tick(daemon, FAST)

    directory = JobDirectory(job.run.files(job.record).path)
    assert "<more> 1 </more>" in directory.text("LGI_job_specifics")
    assert directory.text("LGI_state_time_stamp") == server.jobs["1"].state_time_stamp
    assert server.made("lock", "details", "unlock") == ["lock", "details", "unlock"]


def test_long_output_is_cut_with_a_mark_and_the_job_does_not_fail(
    workshop: Workshop, server: FakeServer
) -> None:
    """The user sees that something is missing."""
    workshop.max_output_size = 200
    daemon = workshop.daemon()
    workshop.tick(daemon)
    job = only(daemon)
    (job.run.files(job.record).path / "LGI_output").write_bytes(b"x" * 1000)
    workshop.marked(job, "is_finished")

    workshop.tick(daemon, 1.0)

    output = server.jobs["1"].output
    assert len(output) == 200
    assert output.endswith(b"[LGI: the output was cut here, it has 1000 bytes and 200 are allowed]\n")


def test_the_log_tells_the_story_of_a_job_and_no_input(
    workshop: Workshop, server: FakeServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Accepted, started, reported, removed; each with job id, project and application."""
    logging.getLogger("lgi_daemon").propagate = True
    server.jobs["1"] = server.jobs["1"].__class__(**{**vars(server.jobs["1"]), "input": b"my secret"})
    with caplog.at_level(logging.DEBUG, "lgi_daemon"):
        daemon = workshop.daemon()
        workshop.tick(daemon)
        workshop.marked(only(daemon), "is_finished")
        workshop.tick(daemon, 1.0)

    story = [line for line in caplog.messages if line.startswith("job 1 LGI/hello_world ")]
    for word in ("accepted from", "started, pid", "reported finished", "removed"):
        assert any(word in line for line in story), word
    assert "my secret" not in caplog.text


def test_a_claimed_job_is_not_run_before_the_server_has_confirmed(
    workshop: Workshop, server: FakeServer
) -> None:
    """The answer to the claim is lost: kept on disk, adopted when the server shows our reference."""
    server.fail("update", after=True)
    daemon = workshop.daemon()
    workshop.tick(daemon)
    acts_before, phase = workshop.acts(), only(daemon).record.phase

    workshop.tick(daemon, FAST)

    assert "prologue" not in acts_before
    assert phase is Phase.CLAIMING
    assert only(daemon).record.phase is Phase.ACCEPTED
    assert only(daemon).record.input == b"hi"
    assert "prologue" in workshop.acts()


def test_a_claim_that_never_arrived_is_given_up(workshop: Workshop, server: FakeServer) -> None:
    """Still queued without our reference long after: it belongs to whoever asks next."""
    server.fail("update")
    daemon = workshop.daemon()
    workshop.tick(daemon)
    server.fail("request_work", refused(ErrorNumber.DATABASE), times=9)

    workshop.tick(daemon, 20.0)
    kept = len(daemon.jobs)
    workshop.tick(daemon, FAST)

    assert kept == 1
    assert workshop.tree() == []
    assert "prologue" not in workshop.acts()


def test_a_claim_that_another_daemon_won_is_given_up(workshop: Workshop, server: FakeServer) -> None:
    """Another reference at the server: ours never runs."""
    server.fail("update")
    daemon = workshop.daemon()
    workshop.tick(daemon)
    server.change("1", state="running", job_specifics=f"<daemon_reference> {'0' * 32} </daemon_reference>")

    workshop.tick(daemon, FAST)

    assert workshop.tree() == []
    assert "prologue" not in workshop.acts()


def test_a_mistake_in_a_tick_is_logged_and_the_next_one_comes(
    workshop: Workshop, server: FakeServer, caplog: pytest.LogCaptureFixture
) -> None:
    """One broad except, with the traceback."""
    logging.getLogger("lgi_daemon").propagate = True
    daemon = workshop.daemon()
    server.fail("sign_up", ZeroDivisionError("a mistake"))

    daemon.beat(workshop.now)
    daemon.beat(workshop.now + 700.0)

    assert "ZeroDivisionError" in caplog.text
    assert server.jobs["1"].state == "running"
