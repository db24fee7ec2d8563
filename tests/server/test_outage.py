"""Overload, and a database that goes away: error 1 with a timeout, and nothing that was answered is lost."""

import threading
import time
from collections.abc import Iterator

import pytest

from lgi_protocol.errors import ServerError, TransportError
from tests.conftest import started_mariadb
from tests.support.grid import Grid, wait_for
from tests.support.mariadb import PrivateMariaDB

pytestmark = pytest.mark.slow


@pytest.fixture
def own_mariadb() -> Iterator[PrivateMariaDB]:
    """A MariaDB that may be killed."""
    with started_mariadb() as server:
        yield server


def test_a_database_killed_under_load_loses_nothing_that_was_answered(own_mariadb: PrivateMariaDB) -> None:
    """kill -9 of MariaDB while users submit: every answered job is there, others got error 1 or 3."""
    grid = Grid(own_mariadb.create_database("LGI"))
    answered: list[int] = []
    refused: list[ServerError] = []
    stop = threading.Event()

    def submit_on() -> None:
        user = grid.user()
        while not stop.is_set():
            try:
                answered.append(user.submit())
            except ServerError as error:
                refused.append(error)

    try:
        grid.start()
        grid.clear()
        grid.resource()
        threads = [threading.Thread(target=submit_on) for _ in range(4)]
        for thread in threads:
            thread.start()
        time.sleep(1.0)
        own_mariadb.kill()
        time.sleep(2.0)
        own_mariadb.start()
        before = len(answered)
        wait_for(lambda: len(answered) >= before + 10, 60)
        stop.set()
        for thread in threads:
            thread.join(60)

        stored = {int(str(row["job_id"])) for row in grid.rows("SELECT job_id FROM job_queue")}
        assert set(answered) <= stored
        assert len(set(answered)) == len(answered)
        assert {error.number for error in refused} <= {1, 3}
        assert all(error.timeout > 0 for error in refused)
        assert not any("pymysql" in error.message or "SELECT" in error.message for error in refused)
        assert "Traceback" not in grid.log.read_text()
    finally:
        stop.set()
        grid.remove()


def test_more_calls_than_configured_are_told_to_come_back() -> None:
    """Over requests_at_once: error 1 with a timeout, at once; afterwards everybody is answered again."""
    grid = Grid(settings={"requests_at_once": "3", "workers": "1"})
    refused: list[ServerError] = []

    def ask() -> None:
        try:
            grid.user().state(job_id)
        except ServerError as error:
            refused.append(error)
        except TransportError:
            return

    try:
        grid.start()
        grid.clear()
        resource = grid.resource()
        job_id = grid.user().submit()
        resource.lock(str(job_id))
        threads = [threading.Thread(target=ask) for _ in range(10)]
        for thread in threads:
            thread.start()
        # The others hold their places until the job is free.
        wait_for(lambda: len(refused) == 7, 20)
        grid.run("UPDATE job_queue SET lock_state = 0")
        grid.run("DELETE FROM running_locks")
        for thread in threads:
            thread.join(60)

        assert len(refused) == 7
        assert {(error.number, error.timeout) for error in refused} == {(1, 10)}
        assert grid.user().state(job_id) == "queued"
    finally:
        grid.remove()
