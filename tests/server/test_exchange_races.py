"""Exchanges that come twice, beside old daemons, or to a killed server: no job is lost or given twice."""

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from lgi_protocol.client import TransportError
from lgi_protocol.errors import ServerError
from lgi_protocol.exchange import Exchange, ExchangeAnswer, Want
from lgi_protocol.resource_api import ResourceCalls
from tests.server.test_killed_server import DISAGREE, OF_NOBODY
from tests.server.test_resource_calls import INVARIANT
from tests.support.exchanges import HELLO, NAME, ExchangingDaemon, daemon, end_of, references
from tests.support.grid import PROJECT, Grid, wait_for
from tests.support.power_cut import MortalGrid

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

# An exchange has more writes than the first number, and fewer than the second.
FEW, MANY = 5, 1000
# Each job that ran more than once, or was reported more than once.
TWICE = "SELECT job_id FROM job_history GROUP BY job_id, old_state, new_state HAVING COUNT(*) > 1"


def at_once(calls: list[Callable[[], ExchangeAnswer]]) -> list[ExchangeAnswer]:
    """The answers of calls that are made at the same time."""
    start = threading.Barrier(len(calls))

    def call(one: Callable[[], ExchangeAnswer]) -> ExchangeAnswer:
        start.wait()
        return one()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(call, calls))


def test_an_exchange_that_comes_several_times_at_once_gives_its_jobs_once(grid: Grid) -> None:
    """Every answer has the same jobs, each under the same reference; no other job leaves the queue.

    One that found all jobs held by the others for that moment has none, and gets them when it comes again.
    """
    user, daemons = grid.user(), [daemon(grid) for _ in range(4)]
    for _ in range(12):
        user.submit()
    exchange = Exchange(wants=(Want(HELLO, 4),), references=references(4))

    answers = at_once([lambda one=one: one.post(exchange) for one in daemons])
    again = daemons[0].post(exchange)

    given = [
        {(job.description.job_id, job.description.daemon_reference) for job in one.jobs}
        for one in (again, *answers)
    ]
    assert len(given[0]) == 4
    assert [one for one in given if one not in (given[0], set())] == []
    assert any(given[1:])
    assert grid.rows("SELECT COUNT(*) AS n FROM job_queue WHERE state = 'running'") == [{"n": 4}]
    assert grid.rows(TWICE) == grid.rows(INVARIANT) == grid.rows(DISAGREE) == []


def test_reports_that_come_several_times_at_once_are_stored_once(grid: Grid) -> None:
    """All are answered alike, and each job has one end."""
    user, daemons = grid.user(), [daemon(grid) for _ in range(4)]
    for _ in range(6):
        user.submit()
    given = daemons[0].want(6)
    reports = tuple(end_of(job, b"out") for job in given)

    answers = at_once([lambda one=one: one.report(*reports) for one in daemons])

    assert [one.reports for one in answers] == [answers[0].reports] * 4
    assert {one.state for one in answers[0].reports} == {"finished"}
    assert grid.rows(TWICE) == grid.rows(DISAGREE) == []


def run_old(calls: ResourceCalls, done: Counter[str]) -> None:
    """One cycle of a daemon that makes the old calls."""
    with suppress(ServerError):
        calls.sign_up()
        for job in calls.request_work(HELLO, 0, 3).jobs:
            calls.update(job.job_id, state="running", target_resources="old@cluster")
            calls.update(job.job_id, state="finished", output=b"old")
            done[job.job_id] += 1
        calls.sign_off()


def run_new(one: ExchangingDaemon, done: Counter[str]) -> None:
    """One cycle of a daemon that makes exchanges."""
    given = one.want(3)
    for verdict in one.report(*(end_of(job, b"new") for job in given)).reports:
        assert verdict.error is None
        done[verdict.job_id] += 1


def test_daemons_of_both_kinds_share_a_queue_without_taking_from_each_other(grid: Grid) -> None:
    """Every job runs once, on one resource; at the end nothing is locked."""
    user = grid.user()
    old = [grid.resource("old@cluster") for _ in range(2)]
    new = [daemon(grid, f"res{number}@cluster", f"daemon-{number}") for number in range(1, 4)]
    jobs = {str(user.submit()) for _ in range(58)}
    # However fast the others are, each kind has something to do.
    jobs |= {str(user.submit(target_resources=name)) for name in ("old@cluster", "res1@cluster")}
    done: Counter[str] = Counter()
    cycles = [lambda calls=calls: run_old(calls, done) for calls in old]
    cycles += [lambda one=one: run_new(one, done) for one in new]
    stop = threading.Event()

    def go_on(cycle: Callable[[], None]) -> None:
        while not stop.is_set():
            cycle()

    with ThreadPoolExecutor(len(cycles)) as pool:
        running_now = [pool.submit(go_on, cycle) for cycle in cycles]
        try:
            wait_for(lambda: len(done) >= len(jobs))
        finally:
            stop.set()
        for one in running_now:
            one.result(60)

    assert set(done) == jobs
    assert set(done.values()) == {1}
    assert grid.rows(TWICE) == grid.rows(INVARIANT) == grid.rows(DISAGREE) == []
    assert grid.rows("SELECT job_id FROM running_locks") == []
    outputs = {bytes(row["output"]) for row in grid.rows("SELECT output FROM job_queue")}  # type: ignore[call-overload]
    assert outputs == {b"old", b"new"}


def made_again(one: ExchangingDaemon, exchange: Exchange) -> ExchangeAnswer:
    """The answer to an exchange that is made until it is answered, always with the same references."""
    while True:
        with suppress(TransportError):
            return one.post(exchange)


def test_a_server_killed_before_any_write_of_an_exchange_loses_no_job(mortal: MortalGrid) -> None:
    """The exchange is made again: before the commit nothing was done, after it the same is answered."""
    killed = 0
    for write in range(1, MANY):
        mortal.clear()
        mortal.resource(NAME).sign_off()
        user = mortal.user()
        jobs = [user.submit() for _ in range(4)]
        one = ExchangingDaemon(ResourceCalls(mortal.client(mortal.people.resource(NAME)), PROJECT))
        posted = references(4)
        mortal.cut.before(write)

        first = made_again(one, Exchange(wants=(Want(HELLO, 2),), references=posted[:2]))
        reports = tuple(end_of(job, b"out") for job in first.jobs)
        second = made_again(one, Exchange(reports, wants=(Want(HELLO, 2),), references=posted[2:]))

        was_killed = mortal.cut.has_happened()
        given = [int(job.description.job_id) for job in (*first.jobs, *second.jobs)]
        assert given == jobs
        assert [verdict.state for verdict in second.reports] == ["finished"] * 2
        states = [row["state"] for row in mortal.rows("SELECT state FROM job_queue ORDER BY job_id")]
        assert states == ["finished", "finished", "running", "running"]
        assert all(mortal.rows(query) == [] for query in (INVARIANT, DISAGREE, OF_NOBODY, TWICE))
        killed += was_killed
        if not was_killed:
            break

    assert FEW < killed < MANY - 1
