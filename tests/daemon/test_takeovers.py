"""Jobs that another daemon has taken over, and files of a job that were changed."""

import logging

import pytest

from lgi_protocol.errors import ErrorNumber
from lgi_protocol.job_directory import JobDirectory
from tests.support.fake_server import FakeServer, refused
from tests.support.workshop import FAST, Workshop, only, until


def test_a_job_taken_over_by_another_daemon_is_ended_silently(workshop: Workshop, server: FakeServer) -> None:
    """Its scripts kill it, its output is ignored, and nothing is reported to the server."""
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


def test_changed_lgi_files_are_noticed_and_restored(
    workshop: Workshop, server: FakeServer, caplog: pytest.LogCaptureFixture
) -> None:
    """They are written again from the record, and the change is logged for the administrator."""
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
    assert "LGI_job_id was changed and has been restored" in caplog.text
    assert caplog.text.count("was changed and has been restored") == 1


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


def test_the_log_tells_the_story_of_a_job_and_no_input(
    workshop: Workshop, server: FakeServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Hole D19: Accepted, started, reported, removed; each with job id, project and application."""
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


def test_a_mistake_in_a_tick_is_logged_and_the_next_one_comes(
    workshop: Workshop, server: FakeServer, caplog: pytest.LogCaptureFixture
) -> None:
    """One broad except, with the traceback."""
    logging.getLogger("lgi_daemon").propagate = True
    daemon = workshop.daemon()
    server.fail("sign_up", ZeroDivisionError("a mistake"))

    daemon.tick_safely(workshop.now)
    daemon.tick_safely(workshop.now + 700.0)

    assert "ZeroDivisionError" in caplog.text
    assert server.jobs["1"].state == "running"


@pytest.mark.parametrize("moment", ["while it runs", "after its end"])
def test_files_that_a_short_job_has_changed_are_noticed_at_its_end(
    workshop: Workshop, server: FakeServer, caplog: pytest.LogCaptureFixture, moment: str
) -> None:
    """Its epilogue reads the restored files, and the change is logged for the administrator."""
    logging.getLogger("lgi_daemon").propagate = True
    change = "rm -f LGI_job_id LGI_job_id.hash; echo 2 > LGI_job_id"
    if moment == "while it runs":
        workshop.write_script("job_run_script", f"{change}; : > is_finished")
    else:
        workshop.write_script("job_run_script", ": > is_finished")
        workshop.write_script("job_check_finished_script", f"[ -e is_finished ] && {{ {change}; }}")
    workshop.write_script("job_epilogue_script", "cat LGI_job_id > LGI_output")
    daemon = workshop.daemon()
    workshop.tick(daemon)
    jobs = list(daemon.jobs)
    until(lambda: not any(job.is_alive() for job in jobs))

    workshop.tick(daemon, 1.0)

    assert (server.jobs["1"].state, server.jobs["1"].output) == ("finished", b"1")
    assert caplog.text.count("LGI_job_id was changed and has been restored") == 1


def test_a_file_that_a_job_has_changed_is_noticed_when_its_server_changes_the_job(
    workshop: Workshop, server: FakeServer, caplog: pytest.LogCaptureFixture
) -> None:
    """The change is logged for the administrator before the files are written with new content."""
    logging.getLogger("lgi_daemon").propagate = True
    daemon = workshop.daemon()
    workshop.tick(daemon)
    job = only(daemon)
    workshop.marked(job, "is_running")
    path = job.run.files(job.record).path / "LGI_job_specifics"
    path.unlink()
    path.write_text("<all> mine </all>")

    job.save(job_specifics=f"{job.record.job_specifics} <more> 1 </more>")

    assert "<more> 1 </more>" in path.read_text()
    assert caplog.text.count("LGI_job_specifics was changed and has been restored") == 1
