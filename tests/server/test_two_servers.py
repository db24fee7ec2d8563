"""Two servers on one database and one directory of repositories: neither knows anything by itself."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from lgi_protocol.exchange import Exchange, Want
from tests.server.test_exchange_races import TWICE, at_once
from tests.server.test_killed_server import DISAGREE
from tests.server.test_resource_calls import INVARIANT
from tests.support.exchanges import HELLO, ExchangingDaemon, daemon, end_of, references, work_off
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


def test_an_exchange_that_is_made_at_both_servers_gives_its_jobs_once(grid: Grid, beside: Grid) -> None:
    """Reports, holds and references are those of the project: either server answers for both."""
    servers = [daemon(grid), ExchangingDaemon(beside.resource())]
    user = grid.user()
    for _ in range(12):
        user.submit()
    ended = ()
    for _ in range(3):
        exchange = Exchange(tuple(map(end_of, ended)), (), (Want(HELLO, 4),), references(4))

        answers = at_once([partial(one.post, exchange) for one in servers])

        again = servers[0].post(exchange)
        for answer in (*answers, again):
            assert [one.error for one in answer.reports] == [None] * len(ended)
            assert {one.description.job_id for one in answer.jobs} <= {
                one.description.job_id for one in again.jobs
            }
        assert len(again.jobs) == 4
        ended = again.jobs
    servers[1].report(*map(end_of, ended))

    assert grid.rows("SELECT DISTINCT state FROM job_queue") == [{"state": "finished"}]
    assert grid.rows(TWICE) == grid.rows(INVARIANT) == grid.rows(DISAGREE) == []


def test_daemons_at_two_servers_run_each_job_once(grid: Grid, beside: Grid) -> None:
    """Each makes every second exchange at the other server: what one has stored the other knows."""
    names = [f"res{number}@cluster" for number in range(4)]
    daemons = [[daemon(grid, name), ExchangingDaemon(beside.resource(name))] for name in names]
    jobs = {str(grid.user().submit()) for _ in range(60)}
    done: Counter[str] = Counter()

    with ThreadPoolExecutor(len(daemons)) as pool:
        for run in [pool.submit(work_off, servers, done) for servers in daemons]:
            run.result(120)
    # A daemon ends when it is given nothing, also when the others hold all jobs that are left.
    work_off(daemons[0], done)

    assert set(done) == jobs
    assert set(done.values()) == {1}
    assert grid.rows(TWICE) == grid.rows(INVARIANT) == grid.rows(DISAGREE) == []
