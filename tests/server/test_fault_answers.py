"""What callers hear of a fault inside of the server: that there is one, and not how the server is made."""

from collections.abc import Iterator

import pytest

from lgi_protocol.errors import ServerError
from tests.support.grid import Grid
from tests.support.pages import Browser

HIDDEN = ("job_history", "SELECT", "FROM", "Traceback", ".py", "sqlite", "pymysql", "1146")


@pytest.fixture
def broken(grid: Grid) -> Iterator[Grid]:
    """A server to whose database something has happened that no code expects."""
    grid.run("ALTER TABLE job_history RENAME TO history_elsewhere")
    yield grid
    grid.run("ALTER TABLE history_elsewhere RENAME TO job_history")


def test_a_call_that_meets_a_fault_shows_no_sql(broken: Grid) -> None:
    """Error 3 in the protocol's form; the reason is in the log, and other calls are answered."""
    user = broken.user()
    broken.resource()
    before = len(broken.log.read_text())

    with pytest.raises(ServerError) as fault:
        user.post("interface_job_history", job_id="1")

    assert fault.value.number == 3
    assert [word for word in HIDDEN if word in str(fault.value)] == []
    assert "job_history" in broken.log.read_text()[before:]
    assert user.post("interface_job_state").value("number_of_jobs") == "0"


def test_a_page_that_meets_a_fault_shows_no_sql(broken: Grid) -> None:
    """A page with status 500 that says that there is a fault, and links that work."""
    broken.resource()
    job_id = broken.user().submit()

    page = Browser(broken).get(f"jobs/{job_id}")

    assert page.status == 500
    assert [word for word in HIDDEN if word in page.text] == []
