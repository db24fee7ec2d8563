"""Claims whose answer was lost: never run before the server has said whose they are."""

import pytest

from lgi_daemon.rundir.record import Phase
from lgi_protocol.errors import ErrorNumber
from tests.support.fake_server import FakeServer, refused
from tests.support.workshop import FAST, Workshop, only


def test_a_claimed_job_is_not_run_before_the_server_has_confirmed(
    workshop: Workshop, server: FakeServer
) -> None:
    """Hole D10: the answer is lost: kept on disk, adopted when the server shows our reference."""
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
    """The job is still queued without our reference after a long time: any resource may take it."""
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


@pytest.mark.parametrize("status", [0, 1])
def test_a_job_whose_claim_never_arrived_is_checked_again_when_it_is_offered(
    workshop: Workshop, server: FakeServer, status: int
) -> None:
    """A daemon that was killed during the limits script has left an unchecked copy."""
    server.fail("update")
    daemon = workshop.daemon()
    workshop.tick(daemon)
    job = only(daemon)
    script = job.run.script(job.record, "job_check_limits_script")
    script.chmod(0o755)
    script.write_text(f"#!/bin/sh\nexit {status}\n")
    server.fail("job_state", times=1)
    daemon = workshop.restart(daemon)

    workshop.tick(daemon, 30.0)
    daemon.work_cycle.due_at = 0.0
    workshop.tick(daemon, 30.0)

    assert (server.jobs["1"].daemon_reference == job.record.reference) is (status == 0)
    assert server.locks == {}


def test_a_claim_that_another_daemon_won_is_given_up(workshop: Workshop, server: FakeServer) -> None:
    """Another reference at the server: ours never runs."""
    server.fail("update")
    daemon = workshop.daemon()
    workshop.tick(daemon)
    server.change("1", state="running", job_specifics=f"<daemon_reference> {'0' * 32} </daemon_reference>")

    workshop.tick(daemon, FAST)

    assert workshop.tree() == []
    assert "prologue" not in workshop.acts()
