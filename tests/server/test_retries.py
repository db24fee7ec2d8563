"""Jobs that are tried again when they fail (wire.md 7, ours)."""

import time
from collections.abc import Callable

import pytest

from lgi_protocol import job_usage, xml
from lgi_protocol.errors import ServerError
from lgi_protocol.job_end import End
from lgi_protocol.job_usage import NO_USAGE, JobUsage
from lgi_server.services.jobs import holds
from lgi_server.services.scheduling import reaper
from lgi_server.tables import job_retries
from tests.server.test_dependencies import fate
from tests.server.test_holds import RELEASE, held, lock_state
from tests.server.test_resource_calls import INVARIANT
from tests.support.exchanges import daemon, end_of
from tests.support.grid import Grid

# Of no wait between two tries.
AT_ONCE = {"retries": "2", "backoff": "0"}


def fail_by_exchange(grid: Grid, job_id: int, end: End, output: bytes = b"") -> None:
    """A daemon of today gets the job and reports this end."""
    exchanging = daemon(grid)
    (given,) = exchanging.want()
    assert given.description.job_id == str(job_id)
    (verdict,) = exchanging.report(end_of(given, output, end=end)).reports
    assert verdict.state == "finished"


def fail_by_cycle(grid: Grid, job_id: int, end: End, output: bytes = b"") -> None:
    """A daemon of LGI's protocol does it, with locks."""
    resource = grid.resource()
    resource.lock(str(job_id))
    resource.update(str(job_id), state="running", target_resources="res1@cluster")
    resource.update(
        str(job_id), state="finished", output=output, exit_code=end.exit_code, exit_signal=end.exit_signal
    )
    resource.unlock(str(job_id))


Fail = Callable[..., None]
WAYS = {"exchange": fail_by_exchange, "cycle": fail_by_cycle}
of_both = pytest.mark.parametrize("fail", WAYS.values(), ids=WAYS.keys())


@of_both
def test_a_job_is_tried_as_often_as_its_user_allows(grid: Grid, fail: Fail) -> None:
    """Its targets are those of the submit; after the last try it ends as that has ended."""
    grid.resource()
    user = grid.user()
    job_id = user.submit(**AT_ONCE)

    for number in (1, 2):
        fail(grid, job_id, End(3), b"out" * 1000)
        assert fate(grid, job_id) == ("queued", 0, "")
        (row,) = grid.rows("SELECT target_resources, tried, exit_code, output FROM job_queue")
        assert row == {"target_resources": "any", "tried": number, "exit_code": None, "output": b""}
    fail(grid, job_id, End(4), b"last")

    details = user.post("interface_job_state", job_id=str(job_id))
    assert (details.value("job", "state"), details.value("job", "exit_code")) == ("finished", "4")
    reply = user.post("interface_job_history", job_id=str(job_id), show="tries")
    tries = [found.inside for found in xml.find_all(reply.content, "try")]
    assert [xml.value(one, "exit_code") for one in tries] == ["3", "3"]
    assert [len(xml.value(one, "output")) for one in tries] == [2048, 2048]
    why = [xml.value(found.inside, "reason") for found in xml.find_all(reply.content, "change")]
    assert "try 1 of 3: finished, exit code 3; the next in 0 s" in why
    assert grid.rows(INVARIANT) == grid.rows("SELECT * FROM job_holds") == []


@of_both
def test_a_retry_waits_longer_each_time(grid: Grid, fail: Fail) -> None:
    """It is held until then, with an event for the scheduler; a release starts it at once."""
    resource, user = grid.resource(), grid.user()
    job_id = user.submit(retries="9", backoff="60")

    waits = []
    for _ in range(3):
        fail(grid, job_id, End(1))
        assert lock_state(grid, job_id) == 2
        assert resource.count_work("hello_world") == 0
        (hold,) = grid.rows("SELECT reason, since, until FROM job_holds WHERE job_id = %s", job_id)
        waits.append(int(str(hold["until"])) - int(str(hold["since"])))
        assert held(user, job_id, call=RELEASE, reasons="retry") == [(job_id, "queued")]

    assert waits == [60, 120, 240]
    assert grid.rows(INVARIANT) == []


def test_each_try_has_what_it_used(grid: Grid) -> None:
    """As far as its daemon has said it; the page of the job shows it."""
    grid.resource()
    user = grid.user()
    job_id = user.submit(job_specifics="<memory> 2048 </memory>", **AT_ONCE)
    used = JobUsage(1500, 2**30)

    fail_by_exchange(grid, job_id, End(3, usage=used))
    fail_by_exchange(grid, job_id, End(4))

    reply = user.post("interface_job_history", job_id=str(job_id), show="tries")
    tries = [found.inside for found in xml.find_all(reply.content, "try")]
    assert [job_usage.usage_of(xml.values(one, *job_usage.FIELDS)) for one in tries] == [used, NO_USAGE]
    (first, second) = grid.database.run(lambda transaction: job_retries.tries(transaction, job_id))
    assert (first.usage, second.usage) == (used, NO_USAGE)


def test_the_scheduler_releases_a_retry_when_it_is_due(grid: Grid) -> None:
    """Not before."""
    grid.resource()
    job_id = grid.user().submit(retries="1", backoff="30")
    fail_by_exchange(grid, job_id, End(1))
    (hold,) = grid.rows("SELECT until FROM job_holds")
    due = int(str(hold["until"]))

    assert holds.release_due(grid.database, due - 1) == 0
    assert holds.release_due(grid.database, due) == 1

    assert lock_state(grid, job_id) == 0


NO_RETRY = {
    "a success": ({}, End(0)),
    "another exit code": ({"retry_on": "exit 75, signal"}, End(1)),
    "an unknown end": ({}, End()),
}


@of_both
@pytest.mark.parametrize(("rule", "end"), NO_RETRY.values(), ids=NO_RETRY.keys())
def test_an_end_that_is_no_failure_to_try_again_is_final(
    grid: Grid, fail: Fail, rule: dict[str, str], end: End
) -> None:
    """The job ends as any other."""
    grid.resource()
    job_id = grid.user().submit(**AT_ONCE, **rule)

    fail(grid, job_id, end)

    assert fate(grid, job_id)[0] == "finished"
    assert grid.rows("SELECT * FROM job_tries") == []


def test_an_abort_by_a_user_is_final(grid: Grid) -> None:
    """Whatever the daemon reports of it."""
    grid.resource()
    user, exchanging = grid.user(), daemon(grid)
    job_id = user.submit(**AT_ONCE)
    (given,) = exchanging.want()
    user.delete(job_id)

    exchanging.report(end_of(given, end=End(None, 15), state="aborted"))

    assert fate(grid, job_id)[0] == "aborted"


def test_a_job_that_is_lost_too_often_is_tried_again(grid: Grid) -> None:
    """Where the scheduler would hold it; what a daemon still has of it is not taken back."""
    grid.resource()
    user, exchanging = grid.user(), daemon(grid)
    job_id = user.submit(retries="1", backoff="0", retry_on="lost")
    now = int(time.time())
    for _ in range(3):
        (given,) = exchanging.want()
        grid.run("UPDATE job_queue SET daemon_pulse = 1")
        reaper.requeue_lost_jobs(grid.database, grid.config.scheduler, now)

    assert fate(grid, job_id) == ("queued", 0, "")
    assert grid.rows("SELECT tried FROM job_queue") == [{"tried": 1}]
    (verdict,) = exchanging.report(end_of(given, end=End(0))).reports
    assert verdict.error
    assert verdict.error.number == 14


def test_a_report_that_comes_again_is_no_second_failure(grid: Grid) -> None:
    """Its answer was lost: the daemon is told that it has the job no more."""
    grid.resource()
    user, exchanging = grid.user(), daemon(grid)
    job_id = user.submit(**AT_ONCE)
    (given,) = exchanging.want()
    report = end_of(given, end=End(1))

    exchanging.report(report)
    (again,) = exchanging.report(report).reports

    assert isinstance(again.error, ServerError)
    assert again.error.number == 14
    assert grid.rows("SELECT job_id, tried FROM job_queue") == [{"job_id": job_id, "tried": 1}]


def test_dependents_wait_for_the_last_try(grid: Grid) -> None:
    """A failure that is tried again is no end."""
    grid.resource()
    user = grid.user()
    first = user.submit(retries="1", backoff="0")
    second = user.submit(after=str(first), target_resources="res1@cluster")

    fail_by_exchange(grid, first, End(1))
    assert fate(grid, second) == ("queued", 2, "")
    fail_by_exchange(grid, first, End(0))

    assert fate(grid, second) == ("queued", 0, "")


def test_a_deleted_job_leaves_no_tries(grid: Grid) -> None:
    """Its history still says how each has ended."""
    grid.resource()
    user = grid.user()
    job_id = user.submit(retries="1", backoff="60")
    fail_by_exchange(grid, job_id, End(1))

    user.delete(job_id)

    for table in ("job_tries", "job_retries", "job_holds"):
        assert grid.rows(f"SELECT * FROM {table}") == []
    reply = user.post("interface_job_history", job_id=str(job_id), show="tries")
    assert "try 1 of 2: finished, exit code 1" in reply.content


def test_a_job_like_one_with_retries_has_them_too(grid: Grid) -> None:
    """They are part of what its user gave; a list shows how many tries there were."""
    grid.resource()
    user = grid.user()
    job_id = user.submit(retries="1", backoff="0", retry_on="exit 75")
    fail_by_exchange(grid, job_id, End(1))

    new = user.post("interface_resubmit_jobs", job_ids=str(job_id)).number("job", "job_id")

    assert grid.rows("SELECT retries, tried FROM job_queue WHERE job_id = %s", new) == [
        {"retries": 1, "tried": 0}
    ]
    assert grid.rows("SELECT retry_on, backoff FROM job_retries WHERE job_id = %s", new) == [
        {"retry_on": "exit 75", "backoff": 0}
    ]
    listed = user.post("interface_job_state", show="tries", job_ids=str(new))
    (job,) = listed.all("job")
    assert [xml.value(job, name) for name in ("tried", "retries")] == ["0", "1"]


WRONG = {
    "too many": {"retries": "101"},
    "no number": {"retries": "x"},
    "no rule": {"retries": "1", "retry_on": "exit 0"},
    "too long": {"retries": "1", "backoff": "3601"},
    "nothing to try again": {"retry_on": "any"},
}


@pytest.mark.parametrize("fields", WRONG.values(), ids=WRONG.keys())
def test_a_plan_of_retries_that_makes_no_sense_is_refused(grid: Grid, fields: dict[str, str]) -> None:
    """With error 25; nothing is stored."""
    grid.resource()
    usual = {"application": "hello_world", "target_resources": "any"}

    assert grid.user().refusal("interface_submit_job", **usual, **fields) == 25

    assert grid.rows("SELECT job_id FROM job_queue") == []
