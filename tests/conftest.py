"""Fixtures of all tests. What a machine lacks skips a test on a laptop and fails it in CI."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests import mariadb
from tests.grid import Grid, running
from tests.mariadb import PrivateMariaDB


def lacking(what: str) -> None:
    """Skip here, fail in CI."""
    if os.environ.get("CI"):
        pytest.fail(f"{what} is missing: 'make test' should have installed it")
    pytest.skip(f"{what} is missing")


@contextmanager
def started_mariadb() -> Iterator[PrivateMariaDB]:
    """A MariaDB of our own, gone at the end."""
    if mariadb.missing():
        lacking(mariadb.missing())
    server = PrivateMariaDB()
    try:
        server.install()
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture(scope="session")
def private_mariadb() -> Iterator[PrivateMariaDB]:
    """One for the whole run."""
    with started_mariadb() as server:
        yield server


@pytest.fixture(scope="session", params=["sqlite", "mariadb"])
def database_address(request: pytest.FixtureRequest) -> str:
    """The address of an empty database of either kind."""
    if request.param == "sqlite":
        return "sqlite:LGI.sqlite"
    server: PrivateMariaDB = request.getfixturevalue("private_mariadb")
    return server.create_database("LGI")


@pytest.fixture(scope="session")
def running_grid(database_address: str) -> Iterator[Grid]:
    """A project server on each kind of database, for the whole run."""
    with running(Grid(database_address), cleared=False) as made:
        yield made


@pytest.fixture
def grid(running_grid: Grid) -> Grid:
    """The running project server, its project empty."""
    running_grid.clear()
    return running_grid
