"""Jobs that have ended long ago, where a project keeps them for some time only (``keep_finished``)."""

import time
from collections.abc import Iterator

import pytest

from lgi_server.config import parser
from lgi_server.config.source import ConfigError
from lgi_server.services.scheduling import retention
from lgi_server.storage.local import Repositories
from tests.server.test_arrays import elements, outcomes, post
from tests.server.test_locks import put_lock
from tests.server.test_repository import new_repository
from tests.support.grid import Grid, running

DAY = 86400


def deleted(grid: Grid, keep: int = 30 * DAY) -> int:
    """How many jobs a search of the scheduler deletes."""
    store = Repositories(grid.config.repository, 10**6, 10**6)
    return retention.delete_old(grid.database, store, keep, int(time.time()))


def ended(grid: Grid, job_id: int, age: int, state: str = "finished") -> None:
    """Let a job have ended so many seconds ago."""
    grid.set_job(job_id, state=state, state_time_stamp=int(time.time()) - age)


def left(grid: Grid) -> list[object]:
    """The numbers of the jobs."""
    return [row["job_id"] for row in grid.rows("SELECT job_id FROM job_queue ORDER BY job_id")]


def test_jobs_that_ended_long_ago_are_deleted_with_their_files(grid: Grid) -> None:
    """Aborted ones too; not younger ones, nor those that have not ended. The history stays."""
    _url, directory = new_repository(grid)
    user = grid.user()
    (old,) = left(grid)
    aborted, young, running_one, queued = (user.submit() for _ in range(4))
    ended(grid, int(str(old)), 31 * DAY)
    ended(grid, aborted, 31 * DAY, "aborted")
    ended(grid, young, 29 * DAY)
    ended(grid, running_one, 31 * DAY, "running")
    ended(grid, queued, 31 * DAY, "queued")

    assert deleted(grid) == 2

    assert left(grid) == [young, running_one, queued]
    assert not directory.exists()
    assert {row["job_id"] for row in grid.rows("SELECT job_id FROM job_access")} == set(left(grid))
    history = user.post("interface_job_history", job_id=str(aborted)).content
    assert "it ended long ago (keep_finished)" in history
    assert deleted(grid) == 0


def test_a_job_that_is_locked_is_deleted_the_next_time(grid: Grid) -> None:
    """A daemon may be about to correct its report."""
    grid.resource()
    job_id = grid.user().submit()
    ended(grid, job_id, 31 * DAY)
    put_lock(grid, job_id)

    assert deleted(grid) == 0
    assert left(grid) == [job_id]


def test_more_jobs_than_one_transaction_takes_are_deleted(grid: Grid) -> None:
    """In parts, so that nobody waits for all of them."""
    grid.resource()
    for job_id in outcomes(post(grid.user(), elements(range(120)), 120)):
        ended(grid, job_id, 31 * DAY)

    assert deleted(grid) == 120


def keep(grid: Grid, text: str) -> None:
    """Set how long the project keeps jobs that have ended."""
    old = grid.config_file.read_text()
    grid.config_file.write_text(old.replace("server_name =", f"keep_finished = {text}\nserver_name =", 1))


@pytest.fixture(scope="module")
def brief() -> Iterator[Grid]:
    """A server that keeps jobs for a day."""
    made = Grid()
    keep(made, "1d")
    with running(made):
        yield made


@pytest.mark.one_database
def test_a_user_is_told_until_when_a_job_is_kept(brief: Grid) -> None:
    """Who asks for times, and the page; old programs see nothing new."""
    brief.resource()
    user = brief.user()
    job_id, other = user.submit(), user.submit()
    ended(brief, job_id, 100)

    details = user.post("interface_job_state", job_id=str(job_id), show="times")
    plain = user.post("interface_job_state", job_id=str(job_id)).content
    queued = user.post("interface_job_state", job_id=str(other), show="times").content

    stamp = details.number("job", "state_time_stamp")
    assert details.number("job", "kept_until") == stamp + DAY
    assert "kept_until" not in plain + queued


@pytest.mark.parametrize("text", ["5", "30m", "-1", "40000d", "soon"])
@pytest.mark.one_database
def test_a_time_that_makes_no_sense_is_refused(text: str) -> None:
    """Nobody deletes all jobs by a slip: less than an hour is no time to keep results for."""
    grid = Grid()
    keep(grid, text)

    with pytest.raises(ConfigError, match="write at least an hour"):
        parser.load(grid.config_file)
    grid.remove()
