"""Reporting the end of a job: once, to the right server, whatever gets lost on the way."""

from lgi_protocol.errors import ErrorNumber
from tests.support.fake_server import FakeServer, refused
from tests.support.workshop import FAST, Workshop, only


def test_a_finished_job_is_reported_with_its_output_and_removed(
    workshop: Workshop, server: FakeServer
) -> None:
    """The steps are epilogue, lock, update and unlock; then the directory is removed."""
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


def test_an_aborted_job_is_ended_by_its_script_and_reported(workshop: Workshop, server: FakeServer) -> None:
    """The user deletes a running job: the abort script runs, the state is aborted with the output so far."""
    daemon = workshop.daemon()
    workshop.tick(daemon)
    workshop.marked(only(daemon), "is_running")
    server.change("1", state="aborting")

    workshop.tick(daemon, FAST)

    assert server.jobs["1"].state == "aborted"
    assert "abort" in workshop.acts()
    assert "epilogue" not in workshop.acts()
    assert workshop.tree() == []


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
    """Another daemon may have taken the job between two polls: the locked job shows its reference."""
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
    """Hole D11: Only what failed is done again, also by the next daemon."""
    daemon = workshop.daemon()
    workshop.tick(daemon)
    workshop.marked(only(daemon), "is_finished")
    server.fail("lock")
    workshop.tick(daemon, 1.0)
    daemon = workshop.restart(daemon)

    workshop.tick(daemon, FAST)

    assert server.jobs["1"].state == "finished"
    assert workshop.acts().count("epilogue") == 1


def test_a_report_that_fails_on_this_side_is_not_repeated_at_once(
    workshop: Workshop, server: FakeServer
) -> None:
    """After a system error, such as a missing file, the report waits for some seconds."""
    daemon = workshop.daemon()
    workshop.tick(daemon)
    workshop.marked(only(daemon), "is_finished")
    server.fail("update", OSError(5, "Input/output error"), times=99)

    for _tick in range(9):
        workshop.tick(daemon, 1.0)

    tried = len(server.made("update"))
    server.faults.clear()
    workshop.tick(daemon, FAST)
    assert tried <= 3
    assert server.jobs["1"].state == "finished"


def test_an_abort_whose_report_failed_stays_an_abort(workshop: Workshop, server: FakeServer) -> None:
    """The marks after an abort may look like those of a finished job, so the decision is stored."""
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
    """The job is deleted between the epilogue and the report, which is then not needed."""
    daemon = workshop.daemon()
    workshop.tick(daemon)
    workshop.marked(only(daemon), "is_finished")
    server.fail("lock")
    workshop.tick(daemon, 1.0)
    del server.jobs["1"]

    workshop.tick(daemon, FAST)

    assert workshop.tree() == []


def test_every_session_is_signed_off_and_no_lock_is_left(workshop: Workshop, server: FakeServer) -> None:
    """This holds for a failure at any call of a cycle."""
    daemon = workshop.daemon()
    workshop.tick(daemon)
    workshop.marked(only(daemon), "is_finished")
    for call in ("details", "update", "unlock"):
        server.fail(call, refused(ErrorNumber.DATABASE))

    for _cycle in range(4):
        workshop.tick(daemon, FAST)
        assert (server.sessions, server.locks) == (set(), {})

    assert server.jobs["1"].state == "finished"


def test_long_output_is_cut_with_a_mark_and_the_job_does_not_fail(
    workshop: Workshop, server: FakeServer
) -> None:
    """Hole D22: The user sees that something is missing."""
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
