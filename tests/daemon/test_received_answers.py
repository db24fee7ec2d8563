"""What a server answers while a script of the job runs is kept, and counts before the next script."""

from dataclasses import replace

import pytest

from lgi_daemon.jobs.job import LocalJob
from lgi_daemon.loop.daemon import Daemon
from lgi_protocol.errors import ErrorNumber
from tests.daemon.test_side_by_side import stop, tick_until
from tests.support.fake_server import FakeServer, refused
from tests.support.workshop import FAST, Workshop, only

WAITS = "until [ -e go ]; do sleep 0.05; done"


@pytest.fixture
def busy(workshop: Workshop) -> Workshop:
    """A resource whose daemons have workers; no test here lasts as long as a fast cycle."""
    workshop.at_once = 4
    workshop.server.submit("1")
    return workshop


def announced(daemon: Daemon, job: LocalJob) -> None:
    """The server is polled immediately, as after an announcement, and its answer is stored."""
    job.schedule.abort_announced(daemon.clock.now)
    tick_until(daemon, lambda: job.unapplied_answer is not None)


def in_script(busy: Workshop, name: str) -> tuple[Daemon, LocalJob]:
    """A daemon whose job waits in a script."""
    daemon = busy.daemon()
    tick_until(daemon, lambda: name in busy.acts())
    return daemon, only(daemon)


def go_on(job: LocalJob) -> None:
    """Let the script end."""
    (job.run.files(job.record).path / "go").touch()


@pytest.mark.parametrize("status", [0, 1])
def test_a_job_aborted_during_its_prologue_is_not_started(busy: Workshop, status: int) -> None:
    """The abort, which was announced meanwhile, must not be forgotten until the next fast cycle."""
    busy.write_script("job_prologue_script", f"{WAITS}; exit {status}")
    daemon, job = in_script(busy, "prologue")
    busy.server.change("1", state="aborting")
    announced(daemon, job)

    go_on(job)
    tick_until(daemon, lambda: busy.server.jobs["1"].state == "aborted")

    assert "run" not in busy.acts()
    assert daemon.circuit_breaker.open_for("LGI", "hello_world") == 0.0
    stop(daemon)


def test_a_job_taken_from_us_during_its_prologue_is_not_started(busy: Workshop) -> None:
    """Another daemon has it: it is removed here in the next seconds."""
    busy.write_script("job_prologue_script", WAITS)
    daemon, job = in_script(busy, "prologue")
    busy.server.change("1", job_specifics=f"<daemon_reference> {'0' * 32} </daemon_reference>")
    announced(daemon, job)

    go_on(job)
    tick_until(daemon, lambda: not busy.tree())

    assert "run" not in busy.acts()
    stop(daemon)


def test_a_job_whose_abort_fails_is_looked_at_again_with_what_was_heard(busy: Workshop) -> None:
    """It is the server's no longer: that need not wait until the abort is tried again."""
    busy.write_script("job_abort_script", f"{WAITS}; exit 1")
    busy.write_script("job_run_script", ": > is_running; sleep 60")
    daemon = busy.daemon()
    tick_until(daemon, lambda: "run" in busy.acts())
    job = only(daemon)
    busy.server.change("1", state="aborting")
    job.schedule.abort_announced(daemon.clock.now)
    tick_until(daemon, lambda: "abort" in busy.acts())
    del busy.server.jobs["1"]
    announced(daemon, job)

    go_on(job)
    tick_until(daemon, lambda: busy.acts().count("abort") == 2 or not busy.tree())

    assert job.record.disowned
    stop(daemon)
    if busy.tree():
        job.remove()


def test_an_answer_that_a_back_off_leaves_unused_is_kept(workshop: Workshop, server: FakeServer) -> None:
    """The next calls wait for the server, but the stored state is used before the next fast cycle."""
    daemon = workshop.daemon()
    workshop.tick(daemon)
    job = only(daemon)
    workshop.marked(job, "is_running")
    server.change("1", state="aborting")
    server.fail("lock", refused(ErrorNumber.BACK_OFF, timeout=10))
    job.unapplied_answer = replace(server.jobs["1"], input=b"")

    workshop.tick(daemon, 1.0)

    assert server.jobs["1"].state in {"aborting", "aborted"}
    assert "abort" in workshop.acts()
    workshop.tick(daemon, FAST)
    assert server.jobs["1"].state == "aborted"
