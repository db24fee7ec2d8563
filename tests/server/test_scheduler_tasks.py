"""The tasks of a running LGI_scheduler, in every project of its configuration."""

import os
import time
from collections.abc import Iterator

import pytest

from lgi_protocol.errors import LGIError
from lgi_server.cli.scheduler import (
    LONGEST_REST,
    LOOK_SECONDS,
    RETRY_SECONDS,
    pause_after,
    periodic_tasks,
)
from lgi_server.db import open_database, schema
from lgi_server.db.pool import Database
from lgi_server.db.transaction import Transaction
from lgi_server.storage.local import Repositories
from lgi_server.storage.repository import NewRepository
from lgi_server.tables import event_queue
from lgi_server.tables.job_queue import jobs
from tests.server.test_schedule import Scheduler
from tests.support.grid import Grid, wait_for
from tests.support.mariadb import PrivateMariaDB
from tests.support.queues import queued_job

PERIODS = ("schedule", "updates", "pulse", "session", "upkeep", "history")
IDLE = 1801


@pytest.fixture
def grid_of_two(private_mariadb: PrivateMariaDB) -> Iterator[tuple[Grid, Database]]:
    """A project on SQLite, and the database of another one of the same server on MariaDB; nothing runs."""
    address = private_mariadb.create_database("second")
    made = Grid(settings={f"{name}_period": "1" for name in PERIODS} | {"orphan_age": "60"})
    with made.config_file.open("a") as opened:
        opened.write(f"\n[project SECOND]\nserver_name = {made.server_name}\ndatabase = {address}\n")
    second = open_database(address)
    schema.make(second)
    yield made, second
    second.close()
    made.remove()


def neglect(transaction: Transaction, now: int) -> None:
    """All that a scheduler is there for."""
    jobs.insert(transaction, queued_job(0))
    jobs.insert(transaction, queued_job(1))
    lost, held = (jobs.insert(transaction, queued_job(number)) for number in (2, 3))
    transaction.run("UPDATE job_queue SET state = 'running' WHERE job_id = %s", lost)
    session = transaction.insert(
        "INSERT INTO running_sessions (resource_id, session_time_stamp) VALUES (7, %s)", now - IDLE
    )
    transaction.run(
        "INSERT INTO running_locks (job_id, resource_id, lock_time, session_id) VALUES (%s, 7, %s, %s)",
        *(held, now - IDLE, session),
    )
    transaction.run("UPDATE job_queue SET lock_state = 1 WHERE job_id = %s", held)
    transaction.run(
        "INSERT INTO job_history (job_id, change_time, old_state, new_state, changed_by, reason, application,"
        " owners, target_resources, accounted) VALUES (99, 1000, '', 'queued', 'x', '', 'a', 'b', 'any', 1)"
    )
    # Half an hour ago nobody was there to look for lost jobs.
    event_queue.insert(transaction, "jobs_without_pulse", now - 1800)


def left(transaction: Transaction) -> dict[str, int]:
    """How much of that is left to do."""
    return {
        what: len(transaction.rows(f"SELECT 1 AS one FROM {what}"))
        for what in (
            "job_queue WHERE priority >= 0",
            "job_queue WHERE state <> 'queued'",
            "job_queue WHERE lock_state <> 0",
            "running_sessions",
            "running_locks",
            "job_history WHERE job_id = 99",
        )
    }


def test_every_duty_is_done_in_every_project(grid_of_two: tuple[Grid, Database]) -> None:
    """Order, lost jobs, idle sessions, old history; orphaned repositories, and the list of resources."""
    grid, second = grid_of_two
    databases = (grid.database, second)
    store = Repositories(grid.config.repository, 1000, 1000)
    orphans = [f"JOB_{number:032x}" for number in range(16)]
    for name in orphans:
        store.create(name, NewRepository(("admin",), ()))
        os.utime(store.directory(name), (1000, 1000))
    for database in databases:
        database.run(lambda transaction: neglect(transaction, int(time.time())))

    scheduler = Scheduler(grid)
    try:
        for database in databases:
            wait_for(lambda database=database: not any(database.run(left, write=False).values()), 60)
        wait_for(lambda: not all(store.directory(name).is_dir() for name in orphans), 60)
        wait_for((store.root / ".LGI_resource_list").is_file, 60)
        # Daemons were given a period of theirs before a job was taken for lost.
        postponed = "jobs_without_pulse is postponed by 1 s: its event is 18[0-9][0-9] s late"
        assert len(scheduler.said(postponed)) == 2
        assert scheduler.said("Traceback") == []
    finally:
        assert scheduler.stop() == 0


def test_a_turn_that_took_long_is_no_reason_to_rest_for_long() -> None:
    """A master that does not answer for a minute must not delay the order of the queue by nine."""
    assert (pause_after(0.001), pause_after(60.0)) == (LOOK_SECONDS, LONGEST_REST)
    assert [pause_after(seconds) for seconds in (0.5, 2.0, 5.0)] == [4.5, 10.0, 20.0]


def test_a_master_that_does_not_answer_is_asked_again_within_a_minute() -> None:
    """This matters when both start after a power failure; the usual period is a quarter of an hour."""
    slave = Grid()
    try:
        slave.clear()
        slave.run("UPDATE active_resources SET resource_name = 'LGI@away', url = 'https://localhost:1/LGI'")
        tasks = periodic_tasks(
            slave.config,
            slave.project,
            {slave.project: slave.database},
            Repositories(slave.config.repository, 1000, 1000),
            lambda _jobs, _usage: [],
        )
        with pytest.raises(LGIError):
            tasks[event_queue.CHECK_UPDATES].work(1_000_000)

        find = "SELECT event_time_stamp FROM event_queue WHERE event = 'check_updates'"
        assert slave.rows(find) == [{"event_time_stamp": 1_000_000 + RETRY_SECONDS}]
    finally:
        slave.remove()
