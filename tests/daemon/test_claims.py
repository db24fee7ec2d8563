"""Claims whose answer was lost: never run before the server has said whose they are."""

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
