"""Exchanges that are held until there is something to answer."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import pytest

from lgi_protocol.exchange import Exchange, ExchangeAnswer, GivenJob, Want
from tests.server.test_arrays import elements, post
from tests.server.test_metrics import admin, page, value
from tests.support.exchanges import HELLO, NAME, ExchangingDaemon, daemon, end_of, hold_of, references
from tests.support.grid import Grid, wait_for

pytestmark = pytest.mark.slow

Answer = TypeVar("Answer")
# Seconds that a held exchange may take after what it waits for, on a busy machine; and how long it waits.
SOON, LONG = 40.0, 50


def while_held(call: Callable[[], Answer], act: Callable[[], object]) -> Answer:
    """The answer of a held call, which comes soon after ``act``."""
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(call)
        time.sleep(0.6)
        assert not answer.done()
        act()
        return answer.result(SOON)


def wanting(one: ExchangingDaemon, *held: GivenJob, seconds: int = LONG, **more: object) -> ExchangeAnswer:
    """A held exchange of a daemon that has jobs and wants one more."""
    holds = tuple(map(hold_of, held))
    exchange = Exchange(holds=holds, wants=(Want(HELLO, 1),), references=references(1), **more)  # type: ignore[arg-type]
    return one.post(exchange, seconds)


def test_a_submit_ends_the_wait_with_the_job(grid: Grid) -> None:
    """It is given and running by then; nothing was stored while the exchange was held."""
    user, one = grid.user(), daemon(grid)

    answer = while_held(lambda: wanting(one), user.submit)

    (given,) = answer.jobs
    assert given.description.state == "running"


def test_an_abort_ends_the_wait_of_the_daemon_that_has_the_job(grid: Grid) -> None:
    """Also of one that is full and wants nothing; the next wait is not ended by the same abort."""
    user, one = grid.user(), daemon(grid)
    job_id = user.submit()
    (given,) = one.want()

    answer = while_held(lambda: one.hold(given, seconds=LONG), lambda: user.delete(job_id))

    (hold,) = answer.holds
    assert (hold.job_id, hold.state) == (str(job_id), "aborting")
    known = hold_of(given)
    known = type(known)(known.job_id, known.daemon_reference, hold.state_time_stamp)
    began = time.monotonic()
    assert one.post(Exchange(holds=(known,)), 1).holds == ()
    assert time.monotonic() - began > 0.9


def test_an_abort_of_a_job_that_was_given_since_ends_the_wait(grid: Grid) -> None:
    """Its daemon need not have another exchange held for each job: the next one names it, and is told."""
    user, one = grid.user(), daemon(grid)
    user.submit()
    (given,) = one.want()
    job_id = user.submit()

    def abort() -> None:
        (later,) = one.want()
        assert later.description.job_id == str(job_id)
        user.delete(job_id)

    answer = while_held(lambda: one.hold(given, seconds=LONG), abort)

    assert answer.holds == ()
    state = grid.rows("SELECT state FROM job_queue WHERE job_id = %s", job_id)[0]["state"]
    assert state == "aborting"


def test_an_abort_at_another_resource_does_not_end_the_wait(grid: Grid) -> None:
    """Only those of the resource may be jobs of the daemon."""
    user, one = grid.user(), daemon(grid)
    user.submit()
    (given,) = one.want()
    other = daemon(grid, name="other@cluster", number="daemon-2")
    job_id = user.submit()
    assert len(other.want()) == 1
    began = time.monotonic()

    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(lambda: one.hold(given, seconds=2))
        time.sleep(0.5)
        user.delete(job_id)
        assert answer.result(2 + SOON).holds == ()
    assert time.monotonic() - began > 1.9


def test_an_observer_ends_the_wait_of_a_daemon_that_can_send_output(grid: Grid) -> None:
    """Once: the daemon then names the job among those that it sends; others are not told."""
    user, one, other = grid.user(), daemon(grid), daemon(grid, number="daemon-2")
    job_id = user.submit()
    (given,) = one.want()

    def look() -> None:
        user.post("interface_job_tail", job_id=str(job_id), offset="0")

    answer = while_held(lambda: one.hold(given, seconds=LONG, watched=()), look)

    assert answer.watched == (str(job_id),)
    assert one.hold(given, seconds=1, watched=(str(job_id),)).watched == ()
    assert one.hold(given, seconds=1).watched == ()
    assert other.post(Exchange(watched=()), 1).watched == ()


def test_two_idle_daemons_share_the_jobs_of_one_submit(grid: Grid) -> None:
    """None of them takes all six, whichever worker of the server it is connected with."""
    user = grid.user()
    both = [daemon(grid, name, name) for name in (NAME, "res2@cluster")]
    administrator = admin(grid)

    def held() -> float:
        return value(page(grid, administrator).text, "lgi_held_requests")

    def wait_for_jobs(one: ExchangingDaemon) -> int:
        exchange = Exchange(wants=(Want(HELLO, 6),), references=references(6))
        return len(one.post(exchange, LONG).jobs)

    before = held()
    with ThreadPoolExecutor(2) as pool:
        answers = [pool.submit(wait_for_jobs, one) for one in both]
        wait_for(lambda: held() == before + 2, 60)
        post(user, elements(range(1, 7)), 6)
        numbers = [answer.result(60) for answer in answers]

    # A job that the exchange of the other is looking at is passed over, and is there for the next one.
    left = sum(len(one.want(6)) for one in both)
    assert max(numbers) == 3
    assert sum(numbers) + left == 6


def test_a_wait_ends_when_its_time_is_over(grid: Grid) -> None:
    """Jobs that do not fit the want, and those of others, do not end it."""
    user, one = grid.user(), daemon(grid)
    grid.resource("other@cluster")
    skipped = user.submit()
    want = Want(HELLO, 1, without=(str(skipped),))

    def others() -> None:
        user.submit(target_resources="other@cluster")

    with ThreadPoolExecutor(1) as pool:
        began = time.monotonic()
        answer = pool.submit(lambda: one.post(Exchange(wants=(want,), references=references(1)), 2))
        others()
        assert answer.result(2 + SOON).jobs == ()
    assert time.monotonic() - began > 1.9


@pytest.mark.parametrize("what", ["reports", "jobs", "no wait"])
def test_an_exchange_with_something_to_say_is_not_held(grid: Grid, what: str) -> None:
    """Nor one without ``wait``."""
    user, one = grid.user(), daemon(grid)
    user.submit()
    (given,) = one.want()
    if what == "jobs":
        user.submit()
    reports = (end_of(given),) if what == "reports" else ()
    began = time.monotonic()

    answer = wanting(one, given, seconds=0 if what == "no wait" else LONG, reports=reports)

    assert time.monotonic() - began < SOON
    assert (len(answer.reports), len(answer.jobs)) == (len(reports), int(what == "jobs"))


def test_a_locked_job_does_not_end_the_wait(grid: Grid) -> None:
    """A hold that a session has locked is named when the exchange is answered."""
    user, one = grid.user(), daemon(grid)
    job_id = user.submit()
    (given,) = one.want()
    grid.set_job(job_id, state="queued")
    grid.resource(NAME).lock(str(job_id))
    began = time.monotonic()

    answer = one.hold(given, seconds=2)

    assert time.monotonic() - began > 1.9
    assert [hold.error is not None for hold in answer.holds] == [True]
