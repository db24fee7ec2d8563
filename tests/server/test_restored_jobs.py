"""A daemon whose server has come back with an older database, in exchanges (`resource_exchange`)."""

import time
from collections.abc import Iterator

import pytest

from lgi_protocol.errors import ErrorNumber
from lgi_protocol.job_end import End
from lgi_server.tables import restorations
from tests.server.test_resource_calls import INVARIANT
from tests.support.exchanges import ExchangingDaemon, daemon, end_of
from tests.support.grid import Grid, UserCalls


@pytest.fixture
def restored(grid: Grid) -> Iterator[Grid]:
    """A grid whose database will be restored; nothing of that is left for the next test."""
    yield grid
    grid.run("DELETE FROM turns WHERE name LIKE 'restored%%'")


def lose_claim(grid: Grid, job_id: int) -> None:
    """Let the database be as before a job was given out."""
    specifics = str(grid.rows("SELECT job_specifics FROM job_queue")[0]["job_specifics"])
    grid.set_job(job_id, state="queued", target_resources="any", job_specifics=specifics.partition("> ")[2])
    grid.run("UPDATE job_queue SET daemon_reference = NULL, job_specifics = '' WHERE job_id = %s", job_id)
    grid.run("UPDATE job_access SET name = 'any' WHERE job_id = %s AND role = 'target'", job_id)
    grid.database.run(lambda transaction: restorations.record(transaction, int(time.time()), 600, 0))


def given(grid: Grid) -> tuple[UserCalls, ExchangingDaemon, int]:
    """A job that a daemon was given."""
    user, one = grid.user(), daemon(grid)
    return user, one, user.submit()


def test_a_held_job_of_a_restored_server_is_taken_back_by_its_daemon(restored: Grid) -> None:
    """Another daemon gets nothing before; afterwards it runs where it ran, under the same reference."""
    user, one, job_id = given(restored)
    (job,) = one.want()
    lose_claim(restored, job_id)
    other = daemon(restored, "res2@cluster", "daemon-2")

    refused = other.want()
    (verdict,) = one.hold(job).holds
    (ended,) = one.report(end_of(job, b"out", end=End(0, None, ""))).reports

    assert refused == ()
    assert (verdict.state, verdict.error) == ("running", None)
    assert (ended.state, user.state(job_id)) == ("finished", "finished")
    assert restored.rows(INVARIANT) == []
    assert restored.rows("SELECT * FROM running_locks") == []


def test_a_job_that_has_ended_meanwhile_is_reported_to_a_restored_server(restored: Grid) -> None:
    """Its result is not lost, and it does not run again."""
    user, one, job_id = given(restored)
    (job,) = one.want()
    lose_claim(restored, job_id)

    (verdict,) = one.report(end_of(job, b"out", end=End(0, None, ""))).reports

    assert (verdict.state, verdict.error) == ("finished", None)
    answer = user.post("interface_job_state", job_id=str(job_id))
    assert answer.value("job", "output") == b"out".hex().upper()
    assert restored.rows("SELECT * FROM running_locks") == []


def test_a_queued_job_that_is_not_held_is_not_taken_by_a_foreign_reference(restored: Grid) -> None:
    """Only what a restore has left in doubt is given to who says that it has it."""
    user, one, job_id = given(restored)
    (job,) = one.want()
    lose_claim(restored, job_id)
    restored.database.run(restorations.release)

    (verdict,) = one.hold(job).holds

    assert verdict.error is not None
    assert verdict.error.number == ErrorNumber.NOT_YOUR_LOCK
    assert user.state(job_id) == "queued"
