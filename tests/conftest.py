"""Fixtures of all tests. What a machine lacks skips a test on a laptop and fails it in CI."""

import gc
import os
from collections.abc import Generator, Iterator
from contextlib import contextmanager

import pytest
from hypothesis import HealthCheck, settings

from tests.support import mariadb
from tests.support.grid import Grid
from tests.support.leftovers import RunDirectory
from tests.support.mariadb import PrivateMariaDB

RUN = pytest.StashKey[RunDirectory]()
# Property tests are bounded by their number of examples, never by a clock.
settings.register_profile(
    "tests", deadline=None, max_examples=200, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("tests")


def pytest_configure(config: pytest.Config) -> None:
    """Give the run its own temporary directory, which processes of parallel tests inherit."""
    if not hasattr(config, "workerinput"):
        config.stash[RUN] = RunDirectory()


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Leave 400,000 objects of 12,000 tests, which stay to the end, out of the search for garbage."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark tests on MariaDB as slow: most run on SQLite as well. Those of one_database run on that alone.

    The longest files come first.
    """
    doubled = [item for item in items if item.get_closest_marker("one_database") and _is_on_mariadb(item)]
    config.hook.pytest_deselected(items=doubled)
    left = [item for item in items if item not in set(doubled)]
    items[:] = sorted(left, key=lambda item: item.get_closest_marker("long") is None)
    for item in items:
        if _is_on_mariadb(item) or "private_mariadb" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.slow)


def _is_on_mariadb(item: pytest.Item) -> bool:
    spec = getattr(item, "callspec", None)
    return spec is not None and "mariadb" in spec.params.values()


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a run that leaves something, and say what."""
    if (run := session.config.stash.get(RUN, None)) is None:
        return
    for path in (found := run.leftovers()):
        session.config.get_terminal_writer().line(f"\nThe tests left {path}", red=True)
    run.remove()
    if found and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def lacking(what: str) -> None:
    """Skip here, fail in CI."""
    if os.environ.get("CI"):
        pytest.fail(f"{what} is missing: 'make test' should have installed it")
    pytest.skip(f"{what} is missing")


@contextmanager
def started_mariadb() -> Iterator[PrivateMariaDB]:
    """Run a MariaDB of the tests, and stop it at the end."""
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


@pytest.fixture(scope="session")
def kept_grids() -> Iterator[dict[str, Grid]]:
    """The grids that were started, by the address of their database, until the end of the run.

    Files of tests ask for both kinds in turn: a fixture of pytest's would start one anew each time.
    """
    kept: dict[str, Grid] = {}
    yield kept
    for made in kept.values():
        made.remove()


@pytest.fixture(scope="session")
def mariadb_address(private_mariadb: PrivateMariaDB) -> str:
    """The address of the one database that the grid on MariaDB has."""
    return private_mariadb.create_database("LGI")


@pytest.fixture(scope="session", params=["sqlite", "mariadb"])
def database_address(request: pytest.FixtureRequest) -> str:
    """The address of a database of either kind."""
    if request.param == "sqlite":
        return "sqlite:LGI.sqlite"
    address: str = request.getfixturevalue("mariadb_address")
    return address


@pytest.fixture(scope="session")
def running_grid(database_address: str, kept_grids: dict[str, Grid]) -> Grid:
    """A project server on each kind of database, for the whole run."""
    if database_address not in kept_grids:
        kept_grids[database_address] = made = Grid(database_address)
        made.start()
    return kept_grids[database_address]


@pytest.fixture
def grid(running_grid: Grid) -> Grid:
    """The running project server, its project empty."""
    running_grid.clear()
    return running_grid
