"""Jobs that their server has queued again while they are here, as after an outage: one copy runs on."""

from dataclasses import replace

import pytest

from lgi_daemon.loop.daemon import Daemon
from lgi_protocol.errors import ErrorNumber
from tests.support.fake_server import FakeServer, refused
from tests.support.workshop import FAST, SLOW, Workshop, only, until


@pytest.fixture
def daemon(workshop: Workshop, server: FakeServer) -> Daemon:
    """A daemon whose one job runs, and which its server has queued again for anybody."""
    daemon = workshop.daemon()
    workshop.tick(daemon)
    workshop.marked(only(daemon), "is_running")
    server.change("1", state="queued", target_resources=("any",))
    return daemon


def other_daemon(server: FakeServer) -> None:
    """Let another daemon claim the job."""
    reference = f"<daemon_reference> {'0' * 32} </daemon_reference>"
    server.change("1", state="running", job_specifics=reference)


def is_back(workshop: Workshop, daemon: Daemon) -> bool:
    """Whether the server has the job as running here, by its one copy, which was started once."""
    job, record = workshop.server.jobs["1"], only(daemon).record
    assert workshop.acts().count("run") == 1
    assert "abort" not in workshop.acts()
    assert workshop.server.locks == {}
    return (job.state, job.daemon_reference, job.target_resources) == (
        "running",
        record.reference,
        ("cluster@test",),
    )


def test_a_running_job_that_was_queued_again_is_taken_back_by_its_poll(
    workshop: Workshop, server: FakeServer, daemon: Daemon
) -> None:
    """LGI disowned and killed it, and another daemon began from the start."""
    server.fail("request_work", refused(ErrorNumber.DATABASE), times=9)

    workshop.tick(daemon, FAST)
    workshop.tick(daemon, 1.0)

    assert is_back(workshop, daemon)


@pytest.mark.parametrize("restart", [False, True])
def test_a_job_that_is_offered_to_the_daemon_that_has_it_goes_on(
    workshop: Workshop, server: FakeServer, daemon: Daemon, restart: bool
) -> None:
    """Otherwise a second copy would run, and the result of the first would be discarded."""
    server.fail("job_state", times=3)
    if restart:
        daemon = workshop.restart(daemon)

    workshop.tick(daemon, 1.0)
    daemon.work_cycle.due_at = 0.0
    workshop.tick(daemon, SLOW)
    workshop.tick(daemon, SLOW)

    assert is_back(workshop, daemon)


def test_the_result_of_a_job_that_was_queued_again_is_reported(
    workshop: Workshop, server: FakeServer, daemon: Daemon
) -> None:
    """It ended during an outage; the server had queued it again, and offers it."""
    job = only(daemon)
    (job.run.files(job.record).path / "LGI_output").write_bytes(b"the answer")
    workshop.marked(job, "is_finished")
    daemon = workshop.restart(daemon)

    workshop.tick(daemon, SLOW)
    workshop.tick(daemon, SLOW)

    assert (server.jobs["1"].state, server.jobs["1"].output) == ("finished", b"the answer")
    assert workshop.acts().count("run") == 1
    assert workshop.tree() == []


def test_a_job_that_others_are_considering_goes_on_until_they_have_it(
    workshop: Workshop, server: FakeServer, daemon: Daemon
) -> None:
    """Error 22 is asked again soon; once it is another daemon's its copy here ends silently."""
    server.locks["1"] = "somebody's"
    workshop.tick(daemon, FAST)
    workshop.tick(daemon, 1.0)
    meanwhile = workshop.acts().count("abort"), server.jobs["1"].state
    other_daemon(server)

    workshop.tick(daemon, FAST)
    workshop.tick(daemon, 1.0)

    assert meanwhile == (0, "queued")
    assert (workshop.tree(), server.jobs["1"].state) == ([], "running")


def test_a_job_that_has_not_been_started_is_started_once_it_is_back(
    workshop: Workshop, server: FakeServer
) -> None:
    """It is not started while another daemon may take it."""
    workshop.write_script("job_prologue_script", "exit 1")
    daemon = workshop.daemon()
    workshop.tick(daemon)
    script = daemon.run.script(only(daemon).record, "job_prologue_script")
    script.chmod(0o755)
    script.write_text("#!/bin/sh\nexit 0\n")
    server.change("1", state="queued")
    server.locks["1"] = "somebody's"
    workshop.tick(daemon, FAST)
    workshop.tick(daemon, FAST)
    early = workshop.acts().count("run")
    server.locks.clear()

    workshop.tick(daemon, FAST)
    workshop.tick(daemon, 1.0)
    until(lambda: "run" in workshop.acts())

    assert early == 0
    assert is_back(workshop, daemon)


def test_a_job_that_is_given_up_is_not_taken_back(
    workshop: Workshop, server: FakeServer, daemon: Daemon
) -> None:
    """Its copy ends, and the next offer is taken as any other."""
    job = only(daemon)
    job.run.save(replace(job.record, disowned=True))
    daemon = workshop.restart(daemon)

    workshop.tick(daemon, 1.0)
    daemon.work_cycle.due_at = 0.0
    workshop.tick(daemon, SLOW)

    assert "abort" in workshop.acts()
    until(lambda: workshop.acts().count("run") == 2)
    assert server.jobs["1"].daemon_reference == only(daemon).record.reference != job.record.reference


def test_another_job_of_the_same_number_is_claimed_for_itself(
    workshop: Workshop, server: FakeServer, daemon: Daemon
) -> None:
    """A restored database gives a number again: the copy here is of the former job, and ends."""
    (former,) = daemon.jobs
    specifics = "<repository_url> https://master.test/LGI/repository/0/JOB_0 </repository_url>"
    server.change("1", state="queued", job_specifics=specifics, target_resources=("any",))
    server.fail("job_state", times=2)

    workshop.tick(daemon, 1.0)
    daemon.work_cycle.due_at = 0.0
    for _cycle in range(4):
        workshop.tick(daemon, SLOW)

    (job,) = daemon.jobs
    assert job.record.reference != former.record.reference
    assert server.jobs["1"].daemon_reference == job.record.reference
    until(lambda: not job.is_alive())
    assert workshop.acts().count("run") == 2
