"""The manners of all pages: titles, icons, empty lists, advice with errors."""

import pytest

from tests.server.test_arrays import elements, outcomes, post
from tests.support.grid import Grid
from tests.support.pages import Browser

pytestmark = pytest.mark.one_database


def test_the_title_of_a_page_says_the_state(grid: Grid) -> None:
    """Of a job, and how far an array is: a person finds the tab."""
    grid.resource()
    user = grid.user()
    job_id = user.submit(job_name="<b>water")
    made = outcomes(post(user, elements([1, 2, 3], job_name="sweep"), 3))
    grid.set_job(made[0], state="finished", exit_code=1)
    browser = Browser(grid)

    titles = [
        browser.get(path).tree.findtext(".//title")
        for path in (f"jobs/{job_id}", f"arrays/{made[0]}", "jobs")
    ]

    assert titles == [
        f"Queued: job {job_id} <b>water - LGI",
        f"1/3 ended, 1 failed: array {made[0]} sweep - LGI",
        "Jobs - LGI",
    ]


def test_the_icon_of_a_page_is_one_of_ours(grid: Grid) -> None:
    """With the colour of the job's state; each is there."""
    grid.resource()
    job_id = grid.user().submit()
    browser = Browser(grid)
    states = {
        "queued": {"state": "queued"},
        "running": {"state": "running"},
        "succeeded": {"state": "finished", "exit_code": 0},
        "failed": {"state": "aborted"},
        "ended": {"state": "finished", "exit_code": None},
    }

    for name, columns in states.items():
        grid.set_job(job_id, **columns)
        (icon,) = browser.get(f"jobs/{job_id}").tree.xpath("//link[@rel='icon']/@href")
        assert f"/lgi-{name}.svg?" in icon
        assert browser.get(f"https://localhost:{grid.port}{icon}").status == 200


def test_the_project_of_the_same_name_is_named_once(grid: Grid) -> None:
    """The head of a page has LGI and the project, unless that is called so too."""
    browser = Browser(grid)

    landing = browser.get(f"{grid.url}/").tree.findtext(".//title")

    assert browser.get().tree.xpath("//a[@class='brand']")[0].text_content().strip() == "LGI"
    assert landing == "Project server of LGI - LGI"


@pytest.mark.parametrize("path", ["", "jobs", "resources"])
def test_an_empty_list_has_a_command_to_begin_with(grid: Grid, path: str) -> None:
    """It can be copied."""
    assert len(Browser(grid).get(path).tree.xpath("//p[@class='empty']//code[@data-copy]")) == 1


def test_an_error_has_advice(grid: Grid) -> None:
    """What to do, beside what was wrong."""
    grid.resource()
    job_id = grid.user("eve@desk", ("phys",)).submit(read_access="mark@laptop")
    browser = Browser(grid)

    assert "ask them for access" in browser.get("jobs/99999").text
    assert "ask its owner to share it for changes" in browser.get(f"jobs/{job_id}/delete").text
    assert "send it from there" in browser.send("jobs/chosen", {"token": "x"}).text
    assert "Ask an administrator of the project for the right." in browser.get("administration").text
