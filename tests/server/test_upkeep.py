"""The scheduler's duties, at invented times."""

import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lgi_protocol.errors import LGIError
from lgi_server.config.scheduler import SchedulerSettings
from lgi_server.db import open_database, schema
from lgi_server.db.pool import Database
from lgi_server.services.project import orphans
from lgi_server.services.scheduling import reaper
from lgi_server.storage.local import Repositories
from lgi_server.storage.repository import NewRepository
from lgi_server.tables import job_access
from lgi_server.tables.job_queue import jobs
from tests.server.test_history import past
from tests.server.test_resource_calls import INVARIANT
from tests.support.grid import Grid, ResourceCalls
from tests.support.mariadb import PrivateMariaDB
from tests.support.queues import queued_job
from tests.support.stored_uses import stored_uses

SETTINGS = SchedulerSettings(pulse_limits={"quick": 120})
HOUR = 3600


def state(grid: Grid, job_id: int) -> tuple[str, str]:
    """What a job is, and what the lists of jobs say that it is."""
    job = grid.rows("SELECT state FROM job_queue WHERE job_id = %s", job_id)[0]
    listed = grid.rows(
        "SELECT DISTINCT state FROM job_access WHERE role IN ('read', 'owner') AND job_id = %s", job_id
    )
    return str(job["state"]), ",".join(str(row["state"]) for row in listed)


def test_a_job_without_a_pulse_is_queued_again_or_ends(grid: Grid) -> None:
    """Running, also under a word of the site's, becomes queued and aborting becomes aborted; others stay."""
    grid.resource()
    made = {name: grid.user().submit() for name in ("queued", "running", "halfway", "aborting", "finished")}
    for name, job_id in made.items():
        grid.set_job(job_id, state=name)
    grid.run("DELETE FROM event_queue")
    now = int(time.time())

    early = reaper.requeue_lost_jobs(grid.database, SETTINGS, now + HOUR - 60)
    late = reaper.requeue_lost_jobs(grid.database, SETTINGS, now + HOUR + 60)

    assert (early, late) == (0, 3)
    assert {name: state(grid, job_id) for name, job_id in made.items()} == {
        "queued": ("queued", "queued"),
        "running": ("queued", "queued"),
        "halfway": ("queued", "queued"),
        "aborting": ("aborted", "aborted"),
        "finished": ("finished", "finished"),
    }
    # The server may store those of the submits now.
    events = grid.rows("SELECT event FROM event_queue WHERE event_time_stamp > %s", now + HOUR)
    assert [row["event"] for row in events] == ["schedule_cycle"]
    assert reaper.requeue_lost_jobs(grid.database, SETTINGS, now + HOUR + 61) == 0


def test_an_application_may_have_a_limit_of_its_own(grid: Grid) -> None:
    """Two minutes for quick, an hour for the others."""
    grid.resource()
    made = {name: grid.user().submit() for name in ("quick", "hello_world")}
    for name, job_id in made.items():
        grid.set_job(job_id, state="running", application=name)

    assert reaper.requeue_lost_jobs(grid.database, SETTINGS, int(time.time()) + 180) == 1
    assert state(grid, made["quick"])[0] == "queued"
    assert state(grid, made["hello_world"])[0] == "running"


def lose(grid: Grid, resource: ResourceCalls, job_id: int, times: int) -> None:
    """Let a resource start a job, and lose it, so many times."""
    now = int(time.time())
    for loss in range(1, times + 1):
        resource.lock(str(job_id))
        resource.update(str(job_id), state="running")
        resource.unlock(str(job_id))
        assert reaper.requeue_lost_jobs(grid.database, SchedulerSettings(), now + 2 * loss * HOUR) == 1
        grid.run("UPDATE job_queue SET daemon_pulse = %s", now)


def test_a_job_that_is_lost_too_often_is_held_until_it_is_released(grid: Grid) -> None:
    """It may be what ends its daemons: others get their turn, and its history says why it is held."""
    resource, user = grid.resource(), grid.user()
    job_id = user.submit()
    why = "no pulse for 3600 s, lost 3 times"

    lose(grid, resource, job_id, 2)
    before = grid.rows("SELECT lock_state FROM job_queue")
    lose(grid, resource, job_id, 1)

    assert before == [{"lock_state": jobs.FREE}]
    assert past(user, job_id)[-1] == ("running", "queued", "scheduler", why)
    columns = "state, lock_state, reason, held_by, text"
    held = grid.rows(f"SELECT {columns} FROM job_queue JOIN job_holds USING (job_id)")
    assert held == [
        {"state": "queued", "lock_state": jobs.HELD, "reason": "user", "held_by": "scheduler", "text": why}
    ]
    user.post("interface_release_jobs", job_ids=str(job_id))
    assert grid.rows("SELECT lock_state FROM job_queue") == [{"lock_state": jobs.FREE}]
    lose(grid, resource, job_id, 1)
    assert past(user, job_id)[-1][-1] == "no pulse for 3600 s, lost 4 times"


def test_a_job_that_is_lost_too_often_has_its_retries_first(grid: Grid) -> None:
    """Only what has no further try is held."""
    resource, user = grid.resource(), grid.user()
    job_id = user.submit(retries="1", retry_on="lost", backoff="0")

    lose(grid, resource, job_id, 3)
    tried = grid.rows("SELECT state, tried FROM job_queue")
    holds = grid.rows("SELECT reason FROM job_holds")
    lose(grid, resource, job_id, 1)

    assert (tried, holds) == ([{"state": "queued", "tried": 1}], [])
    assert grid.rows("SELECT held_by FROM job_holds") == [{"held_by": "scheduler"}]


def test_a_locked_job_is_not_lost(grid: Grid) -> None:
    """Its resource is about to report; the lock ends with the session."""
    resource = grid.resource()
    job_id = grid.user().submit()
    resource.lock(str(job_id))
    resource.update(str(job_id), state="running")

    assert reaper.requeue_lost_jobs(grid.database, SETTINGS, int(time.time()) + 2 * HOUR) == 0


@pytest.mark.slow
def test_idle_sessions_end_with_their_locks(grid: Grid) -> None:
    """After half an hour without a call; one that is used stays."""
    idle, busy = grid.resource("res1@cluster"), grid.resource("res2@cluster")
    job_id = grid.user().submit()
    with stored_uses(grid):
        idle.lock(str(job_id))
        busy.request_work("nothing", 0, 1)
    now = int(time.time())
    grid.run("UPDATE running_sessions SET session_time_stamp = %s", now)
    grid.run(
        "UPDATE running_sessions SET session_time_stamp = %s WHERE session_id = %s",
        now + 600,
        int(busy.session_id),
    )

    early = reaper.end_idle_sessions(grid.database, 1800, now + 1799)
    late = reaper.end_idle_sessions(grid.database, 1800, now + 1801)

    assert (early, late) == (0, 1)
    assert [row["session_id"] for row in grid.rows("SELECT session_id FROM running_sessions")] == [
        int(busy.session_id)
    ]
    assert grid.rows("SELECT job_id FROM running_locks") == []
    assert grid.rows(INVARIANT) == []


@pytest.mark.slow
def test_a_row_dated_by_a_wrong_clock_is_not_kept_for_ever(grid: Grid) -> None:
    """A session and a heartbeat in the future are set to now: both stay, and then age as usual."""
    resource = grid.resource()
    held, running = (grid.user().submit() for _ in range(2))
    grid.set_job(running, state="running")
    with stored_uses(grid):
        resource.lock(str(held))
    now, next_year = int(time.time()), int(time.time()) + 365 * 24 * HOUR
    grid.run("UPDATE running_sessions SET session_time_stamp = %s", next_year)
    grid.run("UPDATE job_queue SET daemon_pulse = %s WHERE job_id = %s", next_year, running)

    def ended(later: int) -> tuple[int, int]:
        return (
            reaper.end_idle_sessions(grid.database, 1800, now + later),
            reaper.requeue_lost_jobs(grid.database, SETTINGS, now + later),
        )

    assert [ended(0), ended(1800), ended(HOUR + 1)] == [(0, 0), (0, 0), (1, 1)]
    assert state(grid, running)[0] == "queued"
    assert grid.rows("SELECT job_id FROM running_locks") == []


def test_locks_that_nobody_holds_are_freed(grid: Grid) -> None:
    """An interface's after half an hour, a lock_state without a row at once; a lock that is held stays."""
    resource = grid.resource()
    held, interface, marked = (grid.user().submit() for _ in range(3))
    resource.lock(str(held))
    now = int(time.time())
    grid.run(
        "INSERT INTO running_locks (job_id, resource_id, lock_time, session_id) VALUES (%s, -1, %s, 0)",
        interface,
        now,
    )
    grid.run("UPDATE job_queue SET lock_state = 1 WHERE job_id IN (%s, %s)", interface, marked)

    assert reaper.free_stale_locks(grid.database, 1800, now) == 1
    assert reaper.free_stale_locks(grid.database, 1800, now + 1801) == 1
    assert [row["job_id"] for row in grid.rows("SELECT job_id FROM running_locks")] == [held]
    assert grid.rows(INVARIANT) == []


@pytest.fixture
def store(tmp_path: Path) -> Repositories:
    """A directory of repositories."""
    return Repositories(tmp_path, 1000, 1000)


@pytest.fixture
def projects(private_mariadb: PrivateMariaDB, tmp_path: Path) -> Iterator[list[Database]]:
    """Two projects, one on each kind of database."""
    addresses = f"sqlite:{tmp_path / 'one.sqlite'}", private_mariadb.create_database("orphans")
    made = [open_database(address) for address in addresses]
    for database in made:
        schema.make(database)
    yield made
    for database in made:
        database.close()


def test_repositories_of_no_job_go_when_they_are_old(store: Repositories, projects: list[Database]) -> None:
    """Those of any project's jobs stay, as does what is no repository; a sixteenth is done each time."""
    names = [f"JOB_{number:032x}" for number in range(40)]
    for name in names:
        store.create(name, NewRepository(("admin",), ()))
        os.utime(store.directory(name), (1000, 1000))
    (store.root / "003" / "notes").mkdir()
    os.utime(store.directory(names[19]), (9000, 9000))
    (store.root / "003" / f"JOB_{'0' * 29}003x").symlink_to("/etc")
    for database, number in zip(projects, (3, 35), strict=True):
        job = queued_job(number)
        database.run(
            lambda one, job=job: job_access.insert_all(one, [replace(job, job_id=jobs.insert(one, job))])
        )

    removed = [
        orphans.remove_orphans(store, projects, 86_400, part, 1000 + 86_401) for part in range(orphans.PARTS)
    ]
    left = sorted(path.name for path in store.root.glob("*/JOB_*") if not path.is_symlink())
    assert left == sorted([names[3], names[19], names[35]])
    assert removed == [3, 3, 3, 0, 3, 3, 3, 3, 2, 2, 2, 2, 2, 2, 2, 2]
    assert (store.root / "003" / "notes").is_dir()


def test_no_repository_goes_while_a_database_is_away(
    store: Repositories, projects: list[Database], tmp_path: Path
) -> None:
    """It may be a job's of that project."""
    name = f"JOB_{5:032x}"
    store.create(name, NewRepository(("admin",), ()))
    os.utime(store.directory(name), (1000, 1000))
    away = open_database(f"mariadb://nobody@localhost/LGI?socket={tmp_path / 'none'}")

    with pytest.raises(LGIError):
        orphans.remove_orphans(store, [*projects, away], 86_400, 5, 10**6)

    assert store.directory(name).is_dir()


def test_the_list_of_resources_is_kept_beside_the_repositories(grid: Grid, tmp_path: Path) -> None:
    """Names of resources, without servers; written only when it has changed, never through a link."""
    grid.resource("res2@cluster")
    grid.resource("res1@cluster")
    (tmp_path / "target").write_text("x")
    (tmp_path / ".LGI_resource_list").symlink_to(tmp_path / "target")

    first = orphans.write_resource_list(tmp_path, [grid.database])
    second = orphans.write_resource_list(tmp_path, [grid.database])

    assert (first, second) == (True, False)
    assert (tmp_path / ".LGI_resource_list").read_text() == "res1@cluster, res2@cluster"
    assert (tmp_path / "target").read_text() == "x"
    assert sorted(path.name for path in tmp_path.iterdir()) == [".LGI_resource_list", "target"]
