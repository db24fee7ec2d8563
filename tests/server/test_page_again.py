"""Jobs that are submitted again in the web interface: of others, of arrays, and the way back and forth."""

import pytest

from tests.server.test_arrays import elements, outcomes, post
from tests.support.grid import Grid
from tests.support.pages import Browser, Page


@pytest.fixture
def browser(grid: Grid) -> Browser:
    """A user of a project with a resource."""
    grid.resource()
    return Browser(grid)


def owners(grid: Grid) -> dict[int, str]:
    """The owners of all jobs."""
    rows = grid.rows("SELECT job_id, owners FROM job_queue ORDER BY job_id")
    return {int(str(row["job_id"])): str(row["owners"]) for row in rows}


def of_eve(grid: Grid) -> int:
    """A job of somebody else that has failed, shared with everybody."""
    job_id = grid.user("eve@desk", ("phys",)).submit(read_access="any")
    grid.set_job(job_id, state="finished", exit_code=1)
    return job_id


def press(browser: Browser, page: Page, action: str) -> Page:
    """Send the form of a page with one of its buttons."""
    return browser.send("jobs/chosen", page.fields("jobs/chosen") | {"action": action})


def test_a_job_of_somebody_else_is_submitted_again_after_a_question(grid: Grid, browser: Browser) -> None:
    """Which names the owner, as the list does; the same form sent twice makes one job."""
    job_id = of_eve(grid)

    listed = browser.get("jobs").rows()
    asked = press(browser, browser.get(f"jobs/{job_id}"), "again")
    before = owners(grid)
    done = [press(browser, asked, "resubmitted") for _ in range(2)]

    assert listed[0]["Job"] == f"{job_id} of eve@desk"
    assert "Submit this job again?" in asked.text
    assert "what eve@desk wrote" in asked.text
    assert list(before) == [job_id]
    assert all("1 job is submitted again" in page.text for page in done)
    assert list(owners(grid).values()) == [before[job_id], "mark@laptop, theor, cyttron"]


def test_own_jobs_are_submitted_again_without_a_question(grid: Grid, browser: Browser) -> None:
    """Their list has no owner, and the answer a way back to it."""
    job_id = grid.user().submit()
    grid.set_job(job_id, state="finished", exit_code=1)
    page = browser.get("jobs?ended=failed")
    fields = page.fields("jobs/chosen") | {"chosen": str(job_id)}

    done = browser.send("jobs/chosen", fields | {"action": "again"})

    assert page.rows()[0]["Job"] == str(job_id)
    assert "/LGI/basic_interface/LGI/jobs?ended=failed" in done.links()
    assert len(owners(grid)) == 2


def test_the_failed_elements_of_an_array_are_submitted_again_together(grid: Grid, browser: Browser) -> None:
    """They take their places; the answer has a way back to the array, and a second one says that none is."""
    made = outcomes(post(grid.user(), elements(range(4)), 4))
    for job_id, code in zip(made[:3], (0, 3, 4), strict=True):
        grid.set_job(job_id, state="finished", exit_code=code)
    page = browser.get(f"arrays/{made[0]}")
    (form,) = [one for one in page.tree.forms if "failed_of" in one.fields]
    fields = {name: value for name, value in form.form_values() if value}

    done, twice = (browser.send("jobs/chosen", fields | {"action": "again"}) for _ in range(2))

    assert "Submit the 2 failed again" in page.text
    assert "2 jobs are submitted again" in done.text
    assert f"/LGI/basic_interface/LGI/arrays/{made[0]}" in done.links()
    assert (twice.status, f"No element of array {made[0]} has failed" in twice.text) == (404, True)
    counts = grid.rows(
        "SELECT element_state, COUNT(*) AS n FROM job_queue WHERE array_id = %s"
        " GROUP BY element_state ORDER BY element_state",
        made[0],
    )
    assert [(row["element_state"], row["n"]) for row in counts] == [("queued", 3), ("succeeded", 1)]


def test_failed_elements_of_others_are_submitted_again_after_a_question(grid: Grid, browser: Browser) -> None:
    """Of an array that the user may not read there are none, and nothing else is done to elements."""
    other = grid.user("eve@desk", ("phys",))
    (shared,) = outcomes(post(other, elements([1], read_access="any"), 1))
    (hidden,) = outcomes(post(other, elements([1], "hidden"), 1, array="hidden"))
    for job_id in (shared, hidden):
        grid.set_job(job_id, state="finished", exit_code=1)
    token = browser.get("submit").fields()["token"]
    posted = {"token": token, "request_id": "r", "failed_of": str(shared)}

    asked = browser.send("jobs/chosen", posted | {"action": "again"})
    wrong = [
        browser.send("jobs/chosen", posted | {"action": "again", "failed_of": text}).status
        for text in (str(hidden), "x", "", "-1", "9" * 9)
    ]
    deleted = browser.send("jobs/chosen", posted | {"action": "deleted"})
    before = owners(grid)
    done = press(browser, asked, "resubmitted")

    assert "what eve@desk wrote" in asked.text
    assert wrong == [404, 400, 400, 400, 404]
    assert deleted.status == 400
    assert list(before) == [shared, hidden]
    assert "1 job is submitted again" in done.text


def test_a_form_without_a_chosen_job_says_so_on_its_list(grid: Grid, browser: Browser) -> None:
    """With its filters; an address of elsewhere is not gone to."""
    (element,) = outcomes(post(grid.user(), elements([1]), 1))
    for path in ("jobs?state=queued", f"arrays/{element}"):
        page = browser.get(path)

        said = press(browser, page, "hold")

        assert (said.status, "was chosen: choose some by the boxes" in said.text) == (200, True)
        assert said.path.startswith(path)
        assert said.rows()
    for back in ("//evil.example/", "https://evil.example/", "jobs?\r\nSet-Cookie: a=b", "../../x", ""):
        refused = browser.send("jobs/chosen", page.fields("jobs/chosen") | {"action": "hold", "back": back})
        assert (refused.status, refused.path) == (400, "jobs/chosen")


def test_a_job_and_the_one_made_from_it_have_links_to_each_other(grid: Grid, browser: Browser) -> None:
    """Also from an element to the job in its place; a label of others, or one without a number, is none."""
    made = outcomes(post(grid.user(), elements([1]), 1))
    grid.set_job(made[0], state="finished", exit_code=1)
    done = press(browser, browser.get(f"jobs/{made[0]}"), "again")
    new = max(owners(grid))
    grid.user("eve@desk", ("phys",)).submit(labels=f"resubmitted_from={made[0]}", read_access="any")
    odd = grid.user().submit(labels="resubmitted_from=../x")

    old, again, other = (browser.get(f"jobs/{job_id}") for job_id in (made[0], new, odd))

    assert f"/LGI/basic_interface/LGI/jobs/{made[0]}" in done.links()
    assert f"submitted again as job {new} queued, which has its place in array {made[0]}[1]" in old.text
    assert old.text.count("It was submitted again as") == 1
    assert f"/LGI/basic_interface/LGI/arrays/{made[0]}" in old.links()
    assert f"/LGI/basic_interface/LGI/jobs/{made[0]}" in again.links()
    assert "resubmitted_from=../x" in other.text
    assert not [link for link in other.links() if "../" in link]
