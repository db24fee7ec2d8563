"""One grid and one set of browsers for all tests in a browser."""

import os
from collections.abc import Iterator

import pytest

from tests.browser import chromium
from tests.conftest import lacking
from tests.support.grid import Grid

# Without Playwright these cannot even be read.
collect_ignore = (
    []
    if chromium.missing() != "playwright" or os.environ.get("CI")
    else ["test_looks.py", "test_user_visit.py"]
)


@pytest.fixture(scope="session")
def browsed_grid() -> Iterator[Grid]:
    """A project server; one kind of database is enough here."""
    made = Grid()
    try:
        made.start()
        yield made
    finally:
        made.remove()


@pytest.fixture(scope="session")
def all_visitors(browsed_grid: Grid) -> Iterator["visitors.Visitors"]:
    """The browsers, which stay open from test to test."""
    if chromium.missing():
        lacking(chromium.missing())
    from tests.browser import visitors

    with visitors.visiting(browsed_grid) as made:
        yield made


@pytest.fixture
def grid(browsed_grid: Grid) -> Grid:
    """The server, its project empty."""
    browsed_grid.clear()
    return browsed_grid


@pytest.fixture
def visitors(grid: Grid, all_visitors: "visitors.Visitors") -> Iterator["visitors.Visitors"]:
    """The browsers; a test fails when a page has done something against its own policy."""
    all_visitors.faults.clear()
    yield all_visitors
    all_visitors.tidy_up()
    assert all_visitors.faults == []
