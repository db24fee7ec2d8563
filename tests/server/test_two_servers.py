"""Two servers on one database and one directory of repositories: neither knows anything by itself."""

from collections.abc import Iterator

import pytest

from tests.support.grid import Grid
from tests.support.pages import Browser
from tests.support.siblings import Sibling

pytestmark = pytest.mark.slow


@pytest.fixture
def beside(grid: Grid) -> Iterator[Grid]:
    """Run the second server during a block."""
    made = Sibling(grid)
    made.process = None
    try:
        made.start()
        yield made
    finally:
        made.stop()


def test_a_browser_ends_at_one_server_what_it_began_at_the_other(grid: Grid, beside: Grid) -> None:
    """The web session, the token of its form, and the form's number, by which it makes one job."""
    grid.resource()
    browser = Browser(grid)
    form = browser.get("submit").fields() | {"application": "hello_world"}

    browser.send("submit", form)
    again = browser.send(f"{beside.url}/basic_interface/LGI/submit", form)

    (job,) = grid.rows("SELECT job_id FROM job_queue")
    assert again.status == 200
    assert again.path == f"jobs/{job['job_id']}"
    assert "Set-Cookie" not in again.answer.headers
    assert len(grid.rows("SELECT session_hash FROM web_sessions")) == 1


def test_a_submit_that_is_repeated_at_the_other_server_makes_no_second_job(grid: Grid, beside: Grid) -> None:
    """The first one's answer was lost with its server."""
    grid.resource()
    wanted = {"application": "hello_world", "target_resources": "any", "request_id": "a:1"}

    replies = [server.user().post("interface_submit_job", **wanted) for server in (grid, beside)]

    jobs = [reply.number("job", "job_id") for reply in replies]
    assert [row["job_id"] for row in grid.rows("SELECT job_id FROM job_queue")] == jobs[:1] == jobs[1:]
    assert replies[0].value("job", "repository_content") == replies[1].value("job", "repository_content")
