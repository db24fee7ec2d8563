"""After an outage of all servers no job counts as lost, since no heartbeat could be received."""

import time
from collections.abc import Iterator
from functools import partial

import pytest

from lgi_server.db.pool import Database
from lgi_server.db.transaction import Transaction
from lgi_server.tables import event_queue, server_heartbeats
from lgi_server.tables.job_queue import jobs
from lgi_server.tables.server_heartbeats import BREAK_SECONDS, MEMORY_SECONDS
from tests.support.grid import Grid, running, wait_for
from tests.support.queues import queued_job
from tests.support.slaves import Scheduler

NOW = 2_000_000_000
LIMIT = 30


def beats(database: Database, server: str, *times: int) -> list[bool]:
    """What each of some heartbeats begins."""
    return [database.run(partial(server_heartbeats.beat, server=server, now=now)) for now in times]


def since(database: Database, now: int) -> int | None:
    """Since when a server could be reached."""
    span = database.run(partial(server_heartbeats.reachable, now=now), write=False)
    return span and span.since


def test_a_server_is_reachable_since_its_last_break(database: Database) -> None:
    """A restart within a minute is no break; a longer silence, or a clock that was set, is one."""
    assert since(database, NOW) == 0
    times = (NOW, NOW + 10, NOW + 10 + BREAK_SECONDS)
    assert beats(database, "one", *times) == [True, False, False]
    assert since(database, times[-1] + 10) == NOW
    assert since(database, times[-1] + BREAK_SECONDS + 1) is None

    back = times[-1] + BREAK_SECONDS + 1
    assert beats(database, "one", back, back + 10) == [True, False]
    assert since(database, back + 10) == back
    assert beats(database, "one", NOW - 5000) == [True]
    assert since(database, NOW - 5000) == NOW - 5000


def test_one_server_of_several_is_enough(database: Database) -> None:
    """A daemon uses the one that is left; the row of a removed server is deleted after a month."""
    beats(database, "one", NOW)
    beats(database, "two", NOW + 50, NOW + 100)
    beats(database, "one", NOW + 40, NOW + 90)

    assert since(database, NOW + 100) == NOW
    beats(database, "two", NOW + 150, NOW + 200)
    assert since(database, NOW + 200) == NOW + 50
    beats(database, "three", NOW + MEMORY_SECONDS + 100)
    rows = database.run(
        lambda transaction: transaction.rows("SELECT server FROM server_heartbeats"), write=False
    )
    assert sorted(str(row["server"]) for row in rows) == ["three", "two"]


@pytest.fixture
def aged() -> Iterator[Grid]:
    """A server that looks for lost jobs each second, and has just started."""
    with running(Grid(settings={"pulse_period": "1", "pulse_limit": str(LIMIT)})) as made:
        wait_for(lambda: made.rows("SELECT * FROM server_heartbeats"))
        yield made


def run_job(grid: Grid, then: int) -> int:
    """A job whose last pulse came at a time."""

    def work(transaction: Transaction) -> int:
        job_id = jobs.insert(transaction, queued_job(0))
        transaction.run(
            "UPDATE job_queue SET state = 'running', daemon_pulse = %s WHERE job_id = %s", then, job_id
        )
        return job_id

    return grid.database.run(work)


def state(grid: Grid, job_id: int) -> object:
    return grid.rows("SELECT state FROM job_queue WHERE job_id = %s", job_id)[0]["state"]


def looks(grid: Grid, scheduler_starts: int = 2) -> None:
    """Return when the scheduler has looked for lost jobs some times."""
    for _ in range(scheduler_starts):
        grid.run("DELETE FROM event_queue WHERE event = 'jobs_without_pulse'")
        grid.database.run(
            lambda transaction: event_queue.insert(transaction, "jobs_without_pulse", int(time.time()))
        )
        wait_for(
            lambda: (
                not grid.rows(
                    "SELECT * FROM event_queue WHERE event = 'jobs_without_pulse' AND event_time_stamp <= %s",
                    int(time.time()) - 1,
                )
            )
        )


@pytest.mark.slow
def test_jobs_outlive_a_server_that_was_down_for_longer_than_their_limit(aged: Grid) -> None:
    """While its scheduler ran; a job whose daemon is silent when the server is back is lost in the end."""
    job_id = run_job(aged, int(time.time()) - 2 * LIMIT)
    scheduler = Scheduler(aged)
    try:
        # As long as it is down, and when it is back.
        aged.run("UPDATE server_heartbeats SET last_beat = last_beat - %s", 2 * LIMIT + BREAK_SECONDS)
        looks(aged)
        assert state(aged, job_id) == "running"
        wait_for(lambda: since(aged.database, int(time.time())), 60)
        looks(aged)
        assert state(aged, job_id) == "running"

        aged.run("UPDATE server_heartbeats SET reachable_since = reachable_since - %s", 2 * LIMIT)
        looks(aged)
        wait_for(lambda: state(aged, job_id) == "queued")
    finally:
        scheduler.kill()


@pytest.mark.slow
def test_the_limit_of_a_job_does_not_end_after_the_last_heartbeat_of_its_server(aged: Grid) -> None:
    """A server counts as reachable for a minute after it went down; no daemon can be heard in this minute."""
    aged.stop()
    # As long ago as is needed: the scheduler has to look before the minute is over.
    beat = int(time.time()) - LIMIT // 2 - 5
    aged.run("UPDATE server_heartbeats SET reachable_since = %s, last_beat = %s", beat - 9 * LIMIT, beat)
    heard, silent = run_job(aged, beat - LIMIT // 2), run_job(aged, beat - 2 * LIMIT)
    scheduler = Scheduler(aged)
    try:
        wait_for(lambda: state(aged, silent) == "queued")
        looks(aged)

        assert state(aged, heard) == "running"
    finally:
        scheduler.kill()


def test_a_server_that_is_back_fetches_what_its_master_has_changed(aged: Grid) -> None:
    """Its scheduler fetches immediately, not fifteen minutes later; a server that runs on fetches once."""
    find = "SELECT * FROM event_queue WHERE event = 'check_updates'"
    aged.run("DELETE FROM event_queue")
    before = int(time.time())
    aged.run("UPDATE server_heartbeats SET last_beat = last_beat - %s", 2 * BREAK_SECONDS)

    wait_for(lambda: aged.rows(find), 60)

    (event,) = aged.rows(find)
    assert before <= int(str(event["event_time_stamp"])) <= time.time()
    aged.run("DELETE FROM event_queue")
    (row,) = aged.rows("SELECT last_beat FROM server_heartbeats")
    wait_for(lambda: aged.rows("SELECT last_beat FROM server_heartbeats") != [row], 60)
    assert aged.rows(find) == []
