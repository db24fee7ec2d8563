"""Resources that do not get a job: those of ``not_on``, and for a while the one on which it has failed."""

import time

import pytest

from lgi_protocol.exchange import Exchange, Want
from lgi_protocol.job_end import End
from lgi_protocol.states import State
from lgi_server.services.jobs import exclusions, holds
from lgi_server.tables.job_queue import pending_work
from tests.server.test_explain import explain, of_resources
from tests.support.exchanges import HELLO, ExchangingDaemon, daemon, end_of, references
from tests.support.grid import Grid, refusal
from tests.support.pages import Browser

HERE, THERE = "res1@cluster", "res2@cluster"
AT_ONCE = {"retries": "3", "backoff": "0"}


def given(one: ExchangingDaemon) -> list[int]:
    """The jobs that a daemon gets for a want."""
    jobs = one.post(Exchange(wants=(Want(HELLO, 8),), references=references(8))).jobs
    return [int(job.description.job_id) for job in jobs]


def called(grid: Grid) -> None:
    """All resources have called just now: these times are stored up to a second later."""
    grid.run("UPDATE active_resources SET last_call_time = %s WHERE project_server = 0", int(time.time()))


def fail(one: ExchangingDaemon) -> int:
    """A daemon gets a job and reports that it has failed."""
    (job,) = one.want()
    one.report(end_of(job, b"", end=End(1)))
    return int(job.description.job_id)


def verdict(grid: Grid, job_id: int, resource: str) -> str:
    """What the server says of a resource for a job."""
    return of_resources(explain(grid.user(), job_id))[resource][0]


def due(grid: Grid) -> int:
    """When the resource on which the job has failed may have it again."""
    (row,) = grid.rows("SELECT state_time_stamp AS due FROM job_access WHERE role = 'failed'")
    return int(str(row["due"]))


def test_an_excluded_resource_gets_the_job_by_no_call(grid: Grid) -> None:
    """Neither by an exchange nor by the calls of LGI; another one does."""
    here, there = daemon(grid, HERE), daemon(grid, THERE)
    old = grid.resource(HERE)
    job_id = grid.user().submit(not_on=HERE)

    assert given(here) == []
    assert (old.count_work(HELLO), refusal(lambda: old.lock(str(job_id)))) == (0, 22)
    assert old.poll_work([HELLO], (), 0) == ()
    assert verdict(grid, job_id, HERE) == "not_on"
    assert given(there) == [job_id]


def test_the_last_resource_that_is_left_is_not_excluded(grid: Grid) -> None:
    """Such a job would wait for ever, as one for a name of no resource would run where it must not."""
    grid.resource(HERE), grid.resource(THERE)
    user = grid.user()

    for posted in (
        {"not_on": f"{HERE}, {THERE}"},
        {"not_on": HERE, "target_resources": HERE},
        {"not_on": "res3@cluster"},
        {"not_on": "any"},
        {"not_on": f"{THERE}' OR 1=1 --"},
        {"not_on": "x" * 300},
    ):
        assert refusal(lambda posted=posted: user.submit(**posted)) in {27, 28, 50}, posted
    assert grid.rows("SELECT job_id FROM job_queue") == []


def test_a_job_like_another_one_has_its_exclusions(grid: Grid) -> None:
    """Of resources that there are still; the form of the page shows them too. They go with the job."""
    grid.resource(THERE)
    here, user = daemon(grid, HERE), grid.user()
    job_id = user.submit(not_on=THERE)
    (job,) = here.want()
    here.report(end_of(job, b"", end=End(1)))

    new = user.post("interface_resubmit_jobs", job_ids=str(job_id)).number("job", "job_id")
    form = Browser(grid).get(f"submit?like={job_id}").tree
    user.post("interface_delete_job", job_id=str(job_id))

    assert grid.rows("SELECT name, job_id FROM job_access WHERE role = 'not_on'") == [
        {"name": THERE, "job_id": new}
    ]
    assert form.xpath("//input[@name='not_on']/@value") == [THERE]


def test_the_resource_of_a_failure_comes_last(grid: Grid) -> None:
    """Another one gets the job meanwhile; when none takes it, the first one gets it a minute later."""
    here, there = daemon(grid, HERE), daemon(grid, THERE)
    called(grid)
    job_id = grid.user().submit(**AT_ONCE)
    assert fail(here) == job_id

    assert given(here) == []
    assert verdict(grid, job_id, HERE) == "failed"
    last = due(grid)
    assert exclusions.release_due(grid.database, last - 1) == 0
    assert exclusions.release_due(grid.database, last) == 1

    assert fail(here) == job_id
    assert fail(there) == job_id


def test_a_job_that_fails_on_all_resources_goes_from_one_to_the_other(grid: Grid) -> None:
    """Neither waits while it is the one where the failure is the older."""
    here, there = daemon(grid, HERE), daemon(grid, THERE)
    called(grid)
    job_id = grid.user().submit(**AT_ONCE)

    assert (fail(here), fail(there), given(there)) == (job_id, job_id, [])
    assert (fail(here), given(here), fail(there)) == (job_id, [], job_id)


def test_the_only_resource_gets_a_failed_job_at_once(grid: Grid) -> None:
    """One that is drained, or excluded by the user, is no other one."""
    here = daemon(grid, HERE)
    grid.resource(THERE)
    called(grid)
    job_id = grid.user().submit(not_on=THERE, **AT_ONCE)

    assert (fail(here), fail(here)) == (job_id, job_id)
    assert grid.rows("SELECT name FROM job_access WHERE role = 'failed'") == []


def test_the_minute_of_other_resources_begins_after_the_wait_for_the_next_try(grid: Grid) -> None:
    """While the job is held no resource gets it."""
    here = daemon(grid, HERE)
    grid.resource(THERE)
    called(grid)
    job_id = grid.user().submit(retries="1", backoff="300")
    fail(here)
    (hold,) = grid.rows("SELECT until FROM job_holds")

    until = int(str(hold["until"]))
    holds.release_due(grid.database, until)

    assert due(grid) == until + exclusions.PASSED_OVER
    assert given(here) == []
    assert grid.rows("SELECT job_id FROM job_queue WHERE lock_state = 0") == [{"job_id": job_id}]


def test_a_resource_that_waits_is_woken_when_it_may_have_the_job_again(grid: Grid) -> None:
    """Not before: for those that wait it is another job then."""
    here = daemon(grid, HERE)
    grid.resource(THERE)
    called(grid)
    grid.user().submit(**AT_ONCE)
    fail(here)

    def pending() -> list[pending_work.PendingJob]:
        return grid.database.run(
            lambda transaction: pending_work.find_pending(transaction, [HELLO], [HERE]), write=False
        )

    (before,) = pending()
    exclusions.release_due(grid.database, due(grid))
    (after,) = pending()

    assert (before.state, before.excluded, after.excluded) == (State.QUEUED, (HERE,), ())
    assert before.key != after.key


@pytest.mark.parametrize(("text", "needs"), [("0", False), ("1", True), ("  0 ", False)])
def test_a_job_for_no_gpus_is_one_for_resources_without(grid: Grid, text: str, needs: bool) -> None:
    """It is told to them at once, and not passed over with the jobs for GPUs."""
    grid.resource(HERE)
    grid.user().submit(job_specifics=f"<gpus>{text}</gpus>")

    (job,) = grid.database.run(
        lambda transaction: pending_work.find_pending(transaction, [HELLO], [HERE]), write=False
    )

    assert job.needs_gpus is needs


def test_the_form_of_the_page_asks_for_gpus(grid: Grid) -> None:
    """The number stands in the specifics; two of them are refused at their field."""
    grid.resource(HERE)
    browser = Browser(grid)

    browser.fill("submit", "submit", application=HELLO, gpus="2")
    twice = browser.fill("submit", "submit", application=HELLO, gpus="2", job_specifics="<gpus> 1 </gpus>")
    odd = browser.fill("submit", "submit", application=HELLO, gpus="two")

    assert grid.rows("SELECT job_specifics FROM job_queue") == [{"job_specifics": "<gpus> 2 </gpus>"}]
    for answer in (twice, odd):
        assert answer.tree.xpath("//input[@name='gpus']/@aria-invalid") == ["true"]
