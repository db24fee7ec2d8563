"""Jobs that follow others: released, aborted or kept when these end, in whatever way (wire.md 7, ours)."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from lgi_protocol import xml
from lgi_protocol.job_end import End
from lgi_server.services.jobs import dependencies
from lgi_server.services.scheduling import reaper
from lgi_server.tables import event_queue
from tests.server.test_holds import RELEASE, held, lock_state
from tests.server.test_resource_calls import INVARIANT
from tests.support.exchanges import daemon, end_of
from tests.support.grid import Grid, UserCalls, wait_for

WAITING = "SELECT job_id, after_id FROM job_dependencies ORDER BY job_id, after_id"


def fate(grid: Grid, job_id: int) -> tuple[object, ...]:
    """State, lock_state and reason of the end of a job."""
    (row,) = grid.rows("SELECT state, lock_state, end_reason FROM job_queue WHERE job_id = %s", job_id)
    return (row["state"], row["lock_state"], row["end_reason"])


def end_by_exchange(grid: Grid, job_id: int, code: int = 0) -> None:
    """A daemon of today takes the job, and reports its end."""
    exchanging = daemon(grid)
    (given,) = [job for job in exchanging.want(50) if job.description.job_id == str(job_id)]
    exchanging.report(end_of(given, end=End(code)))


def end_by_cycle(grid: Grid, job_id: int, code: int = 0) -> None:
    """A daemon of LGI's protocol does it, with locks."""
    resource = grid.resource()
    resource.lock(str(job_id))
    resource.update(str(job_id), state="running", target_resources="res1@cluster")
    resource.update(str(job_id), state="finished", exit_code=code)
    resource.unlock(str(job_id))


WAYS = {"exchange": end_by_exchange, "cycle": end_by_cycle}


@pytest.mark.parametrize("end", WAYS.values(), ids=WAYS.keys())
def test_a_job_starts_when_the_one_it_follows_has_succeeded(
    grid: Grid, end: Callable[[Grid, int, int], None]
) -> None:
    """Not before, whoever reports the end."""
    resource, user = grid.resource(), grid.user()
    first = user.submit()
    second = user.submit(after=str(first))
    assert fate(grid, second) == ("queued", 2, "")
    assert resource.count_work("hello_world") == 1

    end(grid, first, 0)

    assert fate(grid, second) == ("queued", 0, "")
    assert grid.rows(WAITING) == grid.rows("SELECT * FROM job_holds") == grid.rows(INVARIANT) == []


@pytest.mark.parametrize("end", WAYS.values(), ids=WAYS.keys())
def test_a_failure_aborts_all_that_follow_and_says_why(
    grid: Grid, end: Callable[[Grid, int, int], None]
) -> None:
    """Down the line; what follows in any case is released, and what is kept is held for its user."""
    grid.resource()
    user = grid.user()
    first = user.submit()
    second = user.submit(after=str(first))
    third = user.submit(after=f"{first}, {second}")
    always = user.submit(after_any=str(second))
    kept = user.submit(after=str(first), keep_after_failure="1")

    end(grid, first, 3)

    why = f"job {first}, which it was to follow, ended with exit code 3"
    assert fate(grid, second) == fate(grid, third) == ("aborted", 0, why)
    assert fate(grid, always) == ("queued", 0, "")
    assert fate(grid, kept) == ("queued", 2, "")
    holds = grid.rows("SELECT job_id, reason, held_by, text FROM job_holds")
    assert holds == [{"job_id": kept, "reason": "user", "held_by": f"job {first}", "text": why}]
    assert grid.rows(WAITING) == grid.rows(INVARIANT) == []
    (change,) = grid.rows("SELECT * FROM job_history WHERE job_id = %s AND new_state = 'aborted'", second)
    assert (change["changed_by"], change["reason"]) == ("scheduler", why)
    (failed,) = user.post("interface_job_state", ended="failed", job_ids=str(third)).all("job")
    assert xml.value(failed, "end_reason") == why
    assert held(user, kept, call=RELEASE) == [(kept, "queued")]
    assert lock_state(grid, kept) == 0


def test_a_job_that_follows_several_waits_for_the_last(grid: Grid) -> None:
    """It has one hold, which goes with the last of its dependencies."""
    user = grid.user()
    grid.resource()
    jobs = [user.submit() for _ in range(3)]
    last = user.submit(after=", ".join(map(str, jobs)))

    for job_id in jobs:
        assert lock_state(grid, last) == 2
        end_by_cycle(grid, job_id)

    assert lock_state(grid, last) == 0


def delete(grid: Grid, job_id: int) -> None:
    """The user deletes it while it is queued."""
    grid.user().delete(job_id)


def abort(grid: Grid, job_id: int) -> None:
    """The user aborts it while it runs, and the daemon reports that."""
    exchanging = daemon(grid)
    (given,) = exchanging.want()
    grid.user().delete(job_id)
    exchanging.report(end_of(given, state="aborted"))


def lose(grid: Grid, job_id: int) -> None:
    """It is aborted by its user, and its daemon is never heard of again."""
    daemon(grid).want()
    grid.user().delete(job_id)
    grid.run("UPDATE job_queue SET daemon_pulse = 1 WHERE job_id = %s", job_id)
    reaper.requeue_lost_jobs(grid.database, grid.config.scheduler, int(time.time()))


ENDS = {"deleted": delete, "aborted": abort, "lost": lose}


@pytest.mark.parametrize(("how", "end"), ENDS.items(), ids=ENDS.keys())
def test_other_ends_are_failures_too(grid: Grid, how: str, end: Callable[[Grid, int], None]) -> None:
    """A job that is deleted, aborted or lost has not succeeded; what follows any end is released."""
    user = grid.user()
    grid.resource()
    first = user.submit()
    after, always = user.submit(after=str(first)), user.submit(after_any=str(first))

    end(grid, first)

    word = "deleted" if how == "deleted" else "aborted"
    assert fate(grid, after) == ("aborted", 0, f"job {first}, which it was to follow, was {word}")
    assert fate(grid, always) == ("queued", 0, "")


def test_an_end_that_was_there_before_the_submit_counts_at_once(grid: Grid) -> None:
    """The answer to the submit shows it; many submits in one call as single ones."""
    grid.resource()
    user = grid.user()
    good, bad, open_one = user.submit(), user.submit(), user.submit()
    grid.set_job(good, state="finished", exit_code=0)
    grid.set_job(bad, state="finished", exit_code=1)

    fine = user.submit(after=str(good))
    reply = user.post(
        "interface_submit_job",
        application="hello_world",
        target_resources="any",
        after=f"{good}, {bad}, {open_one}",
    )
    posted = (
        f'[{{"application": "hello_world", "target_resources": "any", "after": "{bad}"}},'
        f' {{"application": "hello_world", "target_resources": "any", "after": "{good}, {open_one}"}}]'
    )
    many = user.post("interface_submit_jobs", jobs=posted)

    assert fate(grid, fine) == ("queued", 0, "")
    assert reply.value("job", "state") == "aborted"
    assert reply.value("job", "end_reason") == f"job {bad}, which it was to follow, ended with exit code 1"
    assert [xml.value(job, "state") for job in many.all("job")] == ["aborted", "queued"]
    waiting = int(xml.value(many.all("job")[1], "job_id"))
    assert grid.rows(WAITING) == [{"job_id": waiting, "after_id": open_one}]
    assert grid.rows(INVARIANT) == []


def test_an_unknown_exit_code_is_no_failure(grid: Grid) -> None:
    """Old daemons report none: jobs that follow theirs would never start."""
    user = grid.user()
    grid.resource()
    first = user.submit()
    second = user.submit(after=str(first))
    resource = grid.resource()
    resource.lock(str(first))
    resource.update(str(first), state="running")

    resource.update(str(first), state="finished")

    assert lock_state(grid, second) == 0


WRONG = {
    "unknown": ({"after": "999"}, 15),
    "not readable": ({"after": "OTHER"}, 34),
    "itself": ({"after_any": "NEXT"}, 15),
    "no number": ({"after": "x"}, 19),
    "too many": ({"after": "1-6000", "after_any": "5000-10001"}, 47),
}


@pytest.mark.parametrize(("fields", "number"), WRONG.values(), ids=WRONG.keys())
def test_a_job_can_follow_only_jobs_its_user_may_read(
    grid: Grid, fields: dict[str, str], number: int
) -> None:
    """Those that are there already: so a job never waits for itself, however far around."""
    grid.resource()
    user = grid.user()
    others = grid.user("eve@laptop", ("x",)).submit()
    posted = {
        name: text.replace("OTHER", str(others)).replace("NEXT", str(others + 1))
        for name, text in fields.items()
    }

    assert (
        user.refusal("interface_submit_job", application="hello_world", target_resources="any", **posted)
        == number
    )

    assert len(grid.rows("SELECT job_id FROM job_queue")) == 1


@pytest.mark.parametrize("name", ["after", "after_any"])
def test_a_repeated_submit_with_other_predecessors_is_another_one(grid: Grid, name: str) -> None:
    """With the same ones it makes no second job."""
    grid.resource()
    user = grid.user()
    first = user.submit()
    usual = {"application": "hello_world", "target_resources": "any", "request_id": "r"}
    jobs = {user.submit(**usual, **{name: str(first)}) for _ in range(2)}

    assert len(jobs) == 1
    assert user.refusal("interface_submit_job", **usual) == 33


def test_a_dependent_is_deleted_or_released_before_its_time(grid: Grid) -> None:
    """Nothing waits for it then, and the end of the other changes it no more."""
    grid.resource()
    user = grid.user()
    first = user.submit()
    gone, early = user.submit(after=str(first)), user.submit(after=str(first))

    user.delete(gone)
    held(user, early, call=RELEASE, reasons="after")

    assert grid.rows(WAITING) == []
    end_by_cycle(grid, first, 1)
    assert fate(grid, early)[:2] == ("queued", 0)


def test_two_ends_at_once_release_what_follows_both_exactly_once(grid: Grid) -> None:
    """Two front ends settle the last two dependencies of a job at the same moment."""
    user = grid.user()
    one, other = daemon(grid, "res1@cluster"), daemon(grid, "res2@cluster")
    for _ in range(8):
        first = user.submit(target_resources="res1@cluster")
        second = user.submit(target_resources="res2@cluster")
        last = user.submit(after=f"{first}, {second}", target_resources="res1@cluster")
        ((left,), (right,)) = one.want(), other.want()
        start = threading.Barrier(2)

        def report(pair: tuple, start: threading.Barrier = start) -> None:  # type: ignore[type-arg]
            start.wait()
            pair[0].report(end_of(pair[1], end=End(0)))

        with ThreadPoolExecutor(2) as pool:
            list(pool.map(report, ((one, left), (other, right))))

        assert fate(grid, last) == ("queued", 0, "")
        user.delete(last)
    assert grid.rows(WAITING) == grid.rows("SELECT * FROM job_holds") == []


def chain(user: UserCalls, length: int) -> list[int]:
    """Jobs that each follow the one before."""
    jobs = [user.submit()]
    for _ in range(length - 1):
        jobs.append(user.submit(after=str(jobs[-1])))
    return jobs


def test_a_long_chain_is_aborted_in_parts(grid: Grid) -> None:
    """The report settles the first jobs of it, the scheduler the rest, for which it has an event."""
    grid.resource()
    jobs = chain(grid.user(), 30)

    end_by_exchange(grid, jobs[0], 1)

    first = [one for one in jobs if fate(grid, one)[0] == "aborted"]
    assert first == jobs[1 : 1 + dependencies.MOST_LEVELS]
    # Written within a second.
    event = "SELECT 1 AS one FROM event_queue WHERE event = %s"
    wait_for(lambda: grid.rows(event, event_queue.SETTLE_DEPENDENTS))
    assert dependencies.settle_left(grid.database, int(time.time())) == 19
    assert {fate(grid, one)[0] for one in jobs[1:]} == {"aborted"}
    assert grid.rows(WAITING) == grid.rows("SELECT * FROM job_holds") == grid.rows(INVARIANT) == []


def test_many_dependents_of_one_job_are_aborted_in_parts(grid: Grid) -> None:
    """No transaction locks more than a bounded number of jobs."""
    grid.resource()
    user = grid.user()
    first = user.submit()
    entry = f'{{"application": "hello_world", "target_resources": "any", "after": "{first}"}}'
    for _ in range(2):
        user.post("interface_submit_jobs", jobs=f"[{', '.join([entry] * 120)}]")
    aborted = "SELECT COUNT(*) AS n FROM job_queue WHERE state = 'aborted'"

    end_by_exchange(grid, first, 1)

    assert grid.rows(aborted) == [{"n": dependencies.MOST}]
    assert dependencies.settle_left(grid.database, int(time.time())) == 240 - dependencies.MOST
    assert grid.rows(aborted) == [{"n": 240}]
    assert grid.rows(WAITING) == grid.rows(INVARIANT) == []


def test_an_end_that_an_older_server_stored_is_settled_later(grid: Grid) -> None:
    """It knows of no dependents; so do deletes by an administrator."""
    grid.resource()
    user = grid.user()
    ended, gone = user.submit(), user.submit()
    after, always = user.submit(after=str(ended)), user.submit(after_any=str(gone))
    grid.set_job(ended, state="finished", exit_code=0)
    grid.run("DELETE FROM job_queue WHERE job_id = %s", gone)

    assert dependencies.settle_left(grid.database, int(time.time())) == 2

    assert lock_state(grid, after) == lock_state(grid, always) == 0


def test_an_explanation_says_what_is_waited_for(grid: Grid) -> None:
    """Each job, what of it, and its state now."""
    grid.resource()
    user = grid.user()
    first, second = user.submit(), user.submit()
    last = user.submit(after=str(first), after_any=str(second))

    reply = user.post("interface_explain_job", job_id=str(last))

    assert reply.value("explanation", "reason") == "on_hold"
    assert reply.value("explanation", "hold", "held_by") == f"jobs {first}, {second}"
    waits = xml.find_all(reply.all("explanation")[0], "after")
    assert [xml.value(one.inside, "job_id") for one in waits] == [str(first), str(second)]
    assert [xml.value(one.inside, "kind") for one in waits] == ["ok", "any"]
    assert {xml.value(one.inside, "state") for one in waits} == {"queued"}
