"""Holds of queued jobs: who holds and releases them, and what sees them (wire.md 7, ours)."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from lgi_protocol import xml
from lgi_protocol.reply import Reply
from lgi_server.services.jobs import holds, locking
from lgi_server.services.scheduling import reaper
from lgi_server.tables import job_holds, restorations
from lgi_server.tables.job_holds import Hold
from lgi_server.tables.job_queue import batches
from tests.server.test_locks import offered, put_lock
from tests.server.test_resource_calls import INVARIANT, refusal
from tests.support.exchanges import daemon, end_of
from tests.support.grid import Grid, UserCalls

HOLD, RELEASE = "interface_hold_jobs", "interface_release_jobs"


def held(user: UserCalls, *job_ids: int, call: str = HOLD, **fields: str) -> list[tuple[int, str]]:
    """Hold or release jobs: the number and the state or the error number of each."""
    reply = user.post(call, job_ids=", ".join(map(str, job_ids)), **fields)
    return [
        (int(xml.value(job, "job_id")), xml.value(job, "state") or xml.value(job, "error", "number"))
        for job in reply.all("job")
    ]


def shown(user: UserCalls, job_id: int) -> Reply:
    """The details of a job, with its holds."""
    return user.post("interface_job_state", job_id=str(job_id), show="holds")


def add_hold(grid: Grid, job_id: int, reason: str, until: int | None = None) -> None:
    """Another hold of a job, as the server itself stores it."""

    def work(transaction: object) -> None:
        rows = list(batches.lock(transaction, [job_id]).values())  # type: ignore[arg-type]
        holds.hold(transaction, rows, [Hold(job_id, reason, 1, until)])  # type: ignore[arg-type]

    grid.database.run(work)


def lock_state(grid: Grid, job_id: int) -> object:
    """The lock_state of a job."""
    return grid.rows("SELECT lock_state FROM job_queue WHERE job_id = %s", job_id)[0]["lock_state"]


def test_a_held_job_is_given_to_no_resource_until_it_is_released(grid: Grid) -> None:
    """Neither by a request for work, a lock or an exchange; other jobs are given out meanwhile."""
    user, resource, exchanging = grid.user(), grid.resource(), daemon(grid, "res2@cluster")
    one, other = user.submit(), user.submit()

    assert held(user, one, text="wrong input") == [(one, "queued")]

    assert refusal(resource.lock, str(one)) == 22
    assert resource.count_work("hello_world") == 1
    assert offered(resource) == [other]
    resource.sign_off()
    assert exchanging.want(5)[0].description.job_id == str(other)
    assert held(user, one, call=RELEASE) == [(one, "queued")]
    assert [job.description.job_id for job in exchanging.want(5)] == [str(one)]
    assert grid.rows("SELECT * FROM job_holds") == grid.rows(INVARIANT) == []


def test_a_text_that_is_given_later_is_said_of_a_hold(grid: Grid) -> None:
    """A hold without a text leaves what was said; the job is held once."""
    grid.resource()
    user = grid.user()
    job_id = user.submit(hold="1")

    held(user, job_id, text="wrong input")
    held(user, job_id)

    (hold,) = xml.find_all(shown(user, job_id).all("job")[0], "hold")
    assert xml.value(hold.inside, "text") == "wrong input"
    assert held(user, job_id, call=RELEASE) == [(job_id, "queued")]
    assert lock_state(grid, job_id) == 0


def test_a_caller_who_asks_is_told_who_holds_a_job_and_others_see_a_queued_one(grid: Grid) -> None:
    """The state stays queued: old programs see nothing new."""
    grid.resource()
    user = grid.user()
    job_id = user.submit()
    before = user.post("interface_job_state", job_id=str(job_id)).content
    held(user, job_id, text="wrong input")

    (hold,) = xml.find_all(shown(user, job_id).all("job")[0], "hold")

    assert [xml.value(hold.inside, name) for name in ("reason", "held_by", "text")] == [
        "user",
        "user mark@laptop",
        "wrong input",
    ]
    assert abs(int(xml.value(hold.inside, "since")) - time.time()) < 60
    assert user.post("interface_job_state", job_id=str(job_id)).content == before
    listed = user.post("interface_job_state", show="holds")
    assert "wrong input" in listed.content
    assert user.state(job_id) == "queued"


def test_each_job_of_a_call_is_judged_by_itself(grid: Grid) -> None:
    """One that is not there, not the user's, running or locked is refused alone, with clear words."""
    resource, user = grid.resource(), grid.user()
    others, running, locked, free = (
        grid.user("eve@laptop", ("x",)).submit(read_access="mark@laptop"),
        user.submit(),
        user.submit(),
        user.submit(),
    )
    resource.lock(str(running))
    resource.update(str(running), state="running")
    resource.unlock(str(running))
    resource.lock(str(locked))

    reply = user.post(HOLD, job_ids=f"{others}-{free}, 999")

    assert held(user, others, running, locked, free, 999) == [
        (others, "35"),
        (running, "25"),
        (locked, "22"),
        (free, "queued"),
        (999, "15"),
    ]
    assert f"Only a job that is queued can be held: job {running} is running" in reply.content
    assert "The job is locked by resource res1@cluster since" in reply.content
    assert [lock_state(grid, one) for one in (others, running, locked, free)] == [0, 0, 1, 2]
    assert grid.rows(INVARIANT) == []


def test_a_single_job_that_is_locked_is_waited_for(grid: Grid) -> None:
    """As by the other calls of users: an offer takes a moment."""
    resource, user = grid.resource(), grid.user()
    job_id = user.submit()
    resource.lock(str(job_id))

    releasing = threading.Timer(1.0, lambda: resource.unlock(str(job_id)))
    releasing.start()
    answer = held(user, job_id)
    releasing.join()

    assert answer == [(job_id, "queued")]
    assert lock_state(grid, job_id) == 2


def test_a_second_hold_or_release_changes_nothing(grid: Grid) -> None:
    """Nor is it an error: the answer to the first one may have been lost."""
    grid.resource()
    user = grid.user()
    job_id = user.submit()
    held(user, job_id, text="first")
    held(user, job_id, text="first")
    held(user, job_id)

    answers = [held(user, job_id, call=RELEASE) for _ in range(2)]

    assert answers == [[(job_id, "queued")]] * 2
    changes = grid.rows("SELECT old_state, new_state, reason FROM job_history WHERE job_id = %s", job_id)
    assert [(one["old_state"], one["new_state"], one["reason"]) for one in changes] == [
        ("", "queued", "submitted"),
        ("queued", "queued", "held: first"),
        ("queued", "queued", "released"),
    ]


def test_a_job_is_free_when_its_last_hold_is_gone(grid: Grid) -> None:
    """A release takes away what users hold, and other holds on request only."""
    resource, user = grid.resource(), grid.user()
    job_id = user.submit()
    held(user, job_id)
    add_hold(grid, job_id, job_holds.RETRY, 2**40)

    held(user, job_id, call=RELEASE)
    assert shown(user, job_id).value("job", "hold", "reason") == "retry"
    assert resource.count_work("hello_world") == 0
    held(user, job_id, call=RELEASE, reasons="user, after, retry")

    assert resource.count_work("hello_world") == 1
    assert user.refusal(RELEASE, job_ids=str(job_id), reasons="array") == 25


def test_two_releases_at_once_free_a_job_once(grid: Grid) -> None:
    """Whichever is later frees it: neither leaves it held because it saw the other's hold."""
    user, resource = grid.user(), grid.resource()
    for _ in range(10):
        job_id = user.submit()
        for reason in (job_holds.AFTER, job_holds.RETRY):
            add_hold(grid, job_id, reason)
        start = threading.Barrier(2)

        def release(reason: str, job_id: int = job_id, start: threading.Barrier = start) -> int:
            def work(transaction: object) -> int:
                rows = list(batches.lock(transaction, [job_id]).values())  # type: ignore[arg-type]
                (job,) = holds.release(transaction, rows, [reason])  # type: ignore[arg-type]
                return job.lock_state

            start.wait()
            return grid.database.run(work)

        with ThreadPoolExecutor(2) as pool:
            left = sorted(pool.map(release, (job_holds.AFTER, job_holds.RETRY)))

        assert left == [0, 2]
        assert lock_state(grid, job_id) == 0
    assert resource.count_work("hello_world") == 10


def test_a_hold_beside_a_claim_has_one_winner(grid: Grid) -> None:
    """Each job is either held or given out."""
    user, exchanging = grid.user(), daemon(grid)
    jobs = [user.submit() for _ in range(8)]
    start = threading.Barrier(2)

    def hold() -> list[tuple[int, str]]:
        start.wait()
        return held(user, *jobs)

    def claim() -> set[int]:
        start.wait()
        return {int(job.description.job_id) for job in exchanging.want(4)}

    with ThreadPoolExecutor(2) as pool:
        holding, claiming = pool.submit(hold), pool.submit(claim)
        outcomes, given = holding.result(), claiming.result()

    kept = {job_id for job_id, answer in outcomes if answer == "queued"}
    assert kept.isdisjoint(given)
    assert kept | given == set(jobs)
    assert grid.rows(INVARIANT) == []


def test_a_held_job_is_deleted_as_any_other(grid: Grid) -> None:
    """By its user, who need not release it; nothing of its holds is left."""
    grid.resource()
    user = grid.user()
    job_id = user.submit()
    held(user, job_id)

    assert user.delete(job_id).value("job", "state") == "deleted"

    assert grid.rows("SELECT * FROM job_holds") == []


def test_a_job_submitted_with_a_hold_is_never_given_out_before(grid: Grid) -> None:
    """By users one by one or many at once, and by resources, whose lock comes first."""
    resource, user = grid.resource(), grid.user()
    usual = {"application": "hello_world", "target_resources": "any", "hold": "1"}

    first = user.submit(hold="1")
    posted = '[{"application": "hello_world", "target_resources": "any", "hold": "1"}]'
    second = user.post("interface_submit_jobs", jobs=posted).number("job", "job_id")
    third = resource.submit(usual | {"state": "queued", "owners": "mark@laptop"}).number("job", "job_id")
    assert [lock_state(grid, one) for one in (first, second, third)] == [2, 2, 1]
    resource.unlock(str(third))

    assert resource.count_work("hello_world") == 0
    assert held(user, first, second, third, call=RELEASE)[2] == (third, "queued")
    assert resource.count_work("hello_world") == 3
    assert user.refusal("interface_submit_job", **(usual | {"hold": "x"})) == 25


def test_a_hold_with_an_end_is_released_when_it_is_due(grid: Grid) -> None:
    """By the scheduler, not earlier, and none for another reason with it."""
    user, resource = grid.user(), grid.resource()
    due, both, later = user.submit(), user.submit(), user.submit()
    for job_id, until in ((due, 100), (both, 100), (later, 101)):
        add_hold(grid, job_id, job_holds.RETRY, until)
    held(user, both)

    assert holds.release_due(grid.database, 99) == 0
    assert holds.release_due(grid.database, 100) == 2

    assert offered(resource) == [due]
    assert [lock_state(grid, one) for one in (both, later)] == [2, 2]


def test_the_upkeep_leaves_held_jobs_alone(grid: Grid) -> None:
    """A lock_state of 2 with a hold is no orphan; without one, or of a job that runs, it is mended."""
    user, resource = grid.user(), grid.resource()
    kept, orphan, freed, started = (user.submit() for _ in range(4))
    held(user, kept, freed, started)
    grid.run("UPDATE job_queue SET lock_state = 2 WHERE job_id = %s", orphan)
    # As a server does that knows of no holds.
    grid.run("UPDATE job_queue SET lock_state = 0 WHERE job_id IN (%s, %s)", freed, started)
    grid.set_job(started, state="running")

    assert reaper.free_stale_locks(grid.database, 1800, int(time.time())) == 1
    assert holds.repair(grid.database) == 2

    assert [lock_state(grid, one) for one in (kept, orphan, freed, started)] == [2, 0, 2, 0]
    assert grid.rows("SELECT job_id FROM job_holds ORDER BY job_id") == [{"job_id": kept}, {"job_id": freed}]
    assert offered(resource) == [orphan]


def test_a_daemon_that_still_has_a_held_job_takes_it_back(grid: Grid) -> None:
    """A job that was lost and queued again may be held meanwhile: its result is not thrown away for that."""
    user, exchanging = grid.user(), daemon(grid)
    job_id = user.submit()
    (given,) = exchanging.want()
    grid.run("UPDATE job_queue SET daemon_pulse = 1")
    settings = grid.config.scheduler
    assert reaper.requeue_lost_jobs(grid.database, settings, int(time.time())) == 1
    held(user, job_id)

    (verdict,) = exchanging.report(end_of(given, b"out")).reports

    assert verdict.state == "finished"
    assert user.state(job_id) == "finished"
    assert grid.rows("SELECT * FROM job_holds") == grid.rows(INVARIANT) == []


def test_an_unlocked_job_is_held_again(grid: Grid) -> None:
    """A hold that came while a session had the job locked has effect when the lock goes, in whatever way."""
    user, resource = grid.user(), grid.resource()
    one, other = user.submit(), user.submit()
    for job_id in (one, other):
        resource.lock(str(job_id))
        add_hold(grid, job_id, job_holds.RETRY)
    assert [lock_state(grid, job_id) for job_id in (one, other)] == [1, 1]

    resource.unlock(str(one))
    resource.sign_off()

    assert [lock_state(grid, job_id) for job_id in (one, other)] == [2, 2]


def test_holds_are_there_after_a_restore(grid: Grid) -> None:
    """While the restored jobs are kept for their daemons, and after that."""
    user = grid.user()
    grid.resource()
    mine, free = user.submit(), user.submit()
    held(user, mine)
    now = int(time.time())

    grid.database.run(partial(restorations.record, now=now, quiet=60, made_at=now))
    assert [lock_state(grid, one) for one in (mine, free)] == [1, 1]
    told = [len(xml.find_all(shown(user, one).all("job")[0], "hold")) for one in (mine, free)]
    (released,) = user.post(RELEASE, job_ids=str(mine)).all("job")
    assert held(user, mine) == [(mine, "queued")]
    grid.database.run(restorations.release)

    assert told == [1, 0]
    assert "<hold>" not in released
    assert [lock_state(grid, one) for one in (mine, free)] == [2, 0]
    assert grid.rows(INVARIANT) == []


def test_an_abandoned_lock_leaves_the_hold(grid: Grid) -> None:
    """Of a session that is gone."""
    user = grid.user()
    grid.resource()
    job_id = user.submit()
    held(user, job_id)
    put_lock(grid, job_id, age=4000)

    grid.database.run(lambda one: locking.free_abandoned(one, int(time.time()) - 1800))

    assert lock_state(grid, job_id) == 2


def test_an_explanation_names_the_hold(grid: Grid) -> None:
    """Before all else that might keep the job waiting."""
    user = grid.user()
    grid.resource()
    job_id = user.submit()
    held(user, job_id, text="wrong input")

    reply = user.post("interface_explain_job", job_id=str(job_id))

    assert reply.value("explanation", "reason") == "on_hold"
    assert reply.value("explanation", "hold", "text") == "wrong input"


@pytest.mark.parametrize(("jobs", "number"), [("", 19), ("x", 19), ("1-9999", 65)])
def test_a_call_without_numbers_that_can_be_read_is_refused(grid: Grid, jobs: str, number: int) -> None:
    """As a whole."""
    user = grid.user()
    assert user.refusal(HOLD, job_ids=jobs) == user.refusal(RELEASE, job_ids=jobs) == number


def test_a_held_job_is_listed_and_counted(grid: Grid) -> None:
    """Whatever holds them, and with other filters; an answer repeats the filter, as it does others."""
    grid.resource()
    user = grid.user()
    plain, held = user.submit(), user.submit(hold="1", job_name="sweep")
    waiting = user.submit(after=str(plain))
    grid.set_job(user.submit(hold="1"), state="finished")

    def listed(**more: str) -> list[int]:
        reply = user.post("interface_job_state", **{"held": "1", "state": "queued"} | more)
        assert reply.value("held") == "1"
        return [int(xml.value(one, "job_id")) for one in reply.all("job")]

    assert listed() == [held, waiting]
    assert listed(job_name="sweep") == [held]
    assert listed(state="") == [held, waiting]
    count = user.post("interface_job_state", held="1", limit="0")
    assert count.number("number_of_jobs") == 2
