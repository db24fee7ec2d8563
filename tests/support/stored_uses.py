"""The times at which sessions were used, which a server stores within a second or so of their calls."""

from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.grid import Grid, wait_for

# Far less than a session lasts without a call.
AGO = 600


@contextmanager
def stored_uses(grid: Grid) -> Iterator[None]:
    """Run a block in which each session makes a call, and wait until the uses of all of them are stored.

    For tests that change these times in the database: what is stored afterwards would replace their values.
    """
    grid.run("UPDATE running_sessions SET session_time_stamp = session_time_stamp - %s", AGO)
    (oldest,) = grid.rows("SELECT MAX(session_time_stamp) AS at FROM running_sessions")
    yield
    late = "SELECT session_id FROM running_sessions WHERE session_time_stamp <= %s"
    wait_for(lambda: not grid.rows(late, oldest["at"]))
