"""A project server that is killed as by a power cut, again and again, while everybody uses it."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from lgi_protocol.client import TransportError
from lgi_protocol.errors import ServerError
from tests.server.test_resource_calls import INVARIANT
from tests.support.grid import Grid, running, wait_for
from tests.support.mariadb import PrivateMariaDB

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

KILLS = 2
# Lists of jobs and the jobs themselves that do not say the same.
DISAGREE = (
    "SELECT job.job_id FROM job_queue AS job LEFT JOIN job_access AS listed"
    " ON listed.job_id = job.job_id AND listed.role = 'read' AND listed.name = 'mark@laptop'"
    " WHERE listed.state IS NULL OR listed.state <> job.state"
    " OR listed.state_time_stamp <> job.state_time_stamp"
)
OF_NOBODY = "SELECT job_id FROM job_access WHERE job_id NOT IN (SELECT job_id FROM job_queue)"


@pytest.fixture(params=["sqlite", "mariadb"])
def mortal(request: pytest.FixtureRequest) -> Iterator[Grid]:
    """A server of our own, on each kind of database."""
    address = "sqlite:LGI.sqlite"
    if request.param == "mariadb":
        server: PrivateMariaDB = request.getfixturevalue("private_mariadb")
        address = server.create_database("killed")
    with running(Grid(address)) as made:
        yield made


class Users:
    """A user who submits jobs as fast as they are accepted, and deletes every third."""

    def __init__(self, grid: Grid) -> None:
        self.there: set[int] = set()
        self.gone: set[int] = set()
        self._grid = grid

    def turn(self) -> None:
        """What is answered is noted; a delete without an answer may have happened."""
        user = self._grid.user()
        job_id = user.submit(input=b"x".hex())
        if job_id % 3:
            self.there.add(job_id)
            return
        user.delete(job_id)
        self.gone.add(job_id)


class Daemons:
    """A resource that finishes what it is offered."""

    def __init__(self, grid: Grid) -> None:
        self.finished: set[int] = set()
        self._grid = grid

    def turn(self) -> None:
        """Each with a session of its own: a killed server has no say in who holds what."""
        calls = self._grid.resource()
        for job in calls.request_work("hello_world", 0, 3).jobs:
            calls.update(job.job_id, state="running", target_resources="res1@cluster")
            calls.update(job.job_id, state="finished", output=job.job_id.encode())
            self.finished.add(int(job.job_id))
        calls.sign_off()


def kill(grid: Grid) -> None:
    """End the server and its workers at once, wherever they are."""
    assert grid.process is not None
    os.killpg(grid.process.pid, signal.SIGKILL)
    grid.process.wait(60)


def test_a_server_that_is_killed_loses_nothing_that_was_answered(mortal: Grid) -> None:
    """Calls in progress are done completely or not at all; locks and repositories agree with the jobs."""
    mortal.resource()
    users, daemons = Users(mortal), Daemons(mortal)
    stop = threading.Event()

    def go_on(turn: Callable[[], None]) -> None:
        while not stop.is_set():
            try:
                turn()
            except (ServerError, TransportError):
                time.sleep(0.05)

    turns = [users.turn, users.turn, users.turn, daemons.turn]
    threads = [threading.Thread(target=go_on, args=(turn,)) for turn in turns]
    for thread in threads:
        thread.start()
    for number in range(1, KILLS + 2):
        wait_for(lambda number=number: len(users.there) > 5 * number and len(daemons.finished) > number)
        if number <= KILLS:
            kill(mortal)
            mortal.start()
    stop.set()
    for thread in threads:
        thread.join(60)

    rows = mortal.rows("SELECT job_id, state, output, repository FROM job_queue")
    stored = {int(str(row["job_id"])): row for row in rows}
    assert users.there <= set(stored)
    assert users.gone.isdisjoint(stored)
    for job_id in daemons.finished & set(stored):
        assert (stored[job_id]["state"], stored[job_id]["output"]) == ("finished", str(job_id).encode())
    assert mortal.rows(INVARIANT) == []
    assert mortal.rows(DISAGREE) == []
    assert mortal.rows(OF_NOBODY) == []
    for row in stored.values():
        assert (mortal.config.repository / str(row["repository"])[-3:] / str(row["repository"])).is_dir()
