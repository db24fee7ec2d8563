"""The start page of a project: failures, arrays, limits, and the queue of the project."""

import re
import time

import pytest

from tests.server.test_arrays import elements, outcomes, post
from tests.support.grid import Grid
from tests.support.pages import Browser, Page

pytestmark = pytest.mark.one_database


def sections(page: Page) -> dict[str, str]:
    """The text behind each heading of a page."""
    return {
        heading.text_content(): " ".join(heading.getnext().text_content().split())
        for heading in page.tree.xpath("//main//h2")
    }


def test_the_start_page_has_failures_arrays_and_days(grid: Grid) -> None:
    """Each with links to all of them; a user without jobs has none of these."""
    grid.resource()
    user = grid.user()
    now = int(time.time())
    failed = user.submit(job_name="<b>water")
    grid.set_job(failed, state="finished", exit_code=3, end_reason="no licence", state_time_stamp=now - 60)
    made = outcomes(post(user, elements([1, 2, 3], job_name="sweep"), 3))
    grid.set_job(made[0], state="finished", exit_code=0, state_time_stamp=now - 60)

    page = Browser(grid).get()
    empty = Browser(grid, "new@desk", ("x",)).get()

    found = sections(page)
    assert "sweep" in found["Arrays that run"]
    assert "1/3" in found["Arrays that run"]
    assert f"{failed} <b>water finished, exit code 3 no licence" in found["Failed last"]
    numbers = re.findall(r": ([0-9]+)\.", page.tree.xpath("//svg/desc/text()")[0])
    assert sum(map(int, numbers)) == 2
    assert "/LGI/basic_interface/LGI/jobs?ended=failed&owner=mark%40laptop" in page.links()
    assert list(sections(empty)) == ["Your jobs", "The project now"]


def test_the_start_page_has_the_limits_of_a_user(grid: Grid) -> None:
    """Those of the user's name and groups and of everybody, and how much is used; not those of others."""
    grid.resource()
    grid.user().submit()
    ended = grid.user().submit()
    grid.set_job(ended, state="finished", exit_code=0)
    rules = (
        ("users", "user", "mark@laptop", -20),
        ("groups", "group", "theor", 500),
        ("users", "user", "eve@desk", 7),
    )
    for table, kind, name, limit in rules:
        grid.run(
            f"INSERT INTO {table}_allowed ({kind}_name, application, job_limit)"
            " VALUES (%s, 'hello_world', %s)",
            name,
            limit,
        )

    found = sections(Browser(grid).get())["Limits"]

    assert "1 of 20 queued and running jobs of hello_world for mark@laptop" in found
    assert "2 of 500 jobs of hello_world for theor" in found
    assert "eve@desk" not in found


def test_the_start_page_has_the_queue_of_the_project(grid: Grid) -> None:
    """Numbers only: jobs of others count, and stay unseen."""
    grid.resource("res1@cluster", "<hello_world> </hello_world> <vasp> </vasp>")
    other = grid.user("eve@desk", ("phys",))
    queued, running = (other.submit(application="vasp", job_name="secret") for _ in range(2))
    grid.set_job(running, state="running", target_resources="res1@cluster")

    page = Browser(grid).get()

    assert sections(page)["The project now"].endswith("vasp111")
    assert "secret" not in page.text
    assert not [link for link in page.links() if f"/jobs/{queued}" in link]


def test_the_start_page_has_no_job_of_others(grid: Grid) -> None:
    """They may share as many as they like: they push none out of its lists."""
    grid.resource()
    own = grid.user().submit(job_name="mine")
    grid.set_job(own, state="finished", exit_code=3, state_time_stamp=1000)
    other = grid.user("eve@desk", ("phys",))
    for number in range(6):
        shared = other.submit(job_name="theirs", read_access="any, mark@laptop")
        grid.set_job(shared, state="finished", exit_code=3, state_time_stamp=2000 + number)
    post(grid.user(), elements([1], job_name="my array"), 1)
    for number in range(6):
        name = f"array{number}"
        theirs = elements(range(2), name, job_name="theirs", read_access="any, mark@laptop")
        post(other, theirs, 2, array=name)

    page = Browser(grid).get()

    assert "theirs" not in page.text
    assert f"{own} mine" in sections(page)["Failed last"]
    assert f"{own} mine" in sections(page)["Changed last"]
    assert "my array" in sections(page)["Arrays that run"]


def test_an_abort_is_not_among_the_failures_of_the_start_page(grid: Grid) -> None:
    """Its user has asked for it."""
    grid.resource()
    job_id = grid.user().submit()
    grid.set_job(job_id, state="aborted", exit_signal=15)

    found = sections(Browser(grid).get())

    assert "Failed last" not in found
    assert f"{job_id} aborted" in found["Changed last"]
