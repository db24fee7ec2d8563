"""The stage on each kind of database, and the one exchange that takes half a minute, begun before all."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from tests.conformance.answers import Lines
from tests.conformance.replay import PATIENT, replay
from tests.conformance.stage import Stage
from tests.support.grid import Grid, running
from tests.support.mariadb import PrivateMariaDB

BackOff = Future[tuple[Lines, Lines]]


# Each exchange finds another project: a server remembers nothing of the one before.
FORGETFUL = {"remember": "0"}


@pytest.fixture(scope="session")
def running_grid(database_address: str, request: pytest.FixtureRequest) -> Iterator[Grid]:
    """A project server on each kind of database."""
    if database_address.startswith("mariadb:"):
        server: PrivateMariaDB = request.getfixturevalue("private_mariadb")
        database_address = server.create_database("conformance")
    with running(Grid(database_address, FORGETFUL), cleared=False) as made:
        yield made


@pytest.fixture(scope="session")
def whole_stage(running_grid: Grid) -> Stage:
    """A stage on the running grid, its certificates made once."""
    return Stage(running_grid)


@pytest.fixture(scope="session")
def back_off() -> Iterator[BackOff]:
    """The exchange that is answered after 30 s, on its own server."""
    made = Grid(settings=FORGETFUL)
    try:
        made.start()
        with ThreadPoolExecutor(1) as beside:
            yield beside.submit(replay, Stage(made), PATIENT)
    finally:
        made.remove()


@pytest.fixture
def stage(back_off: BackOff, grid: Grid, whole_stage: Stage) -> Stage:
    """The same, its project empty. The first test that asks for it begins the long exchange."""
    assert whole_stage.grid is grid
    return whole_stage
