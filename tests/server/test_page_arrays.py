"""Arrays in the web interface: a line in the list of jobs, and a page that it opens."""

from tests.server.test_arrays import elements, outcomes, post
from tests.support.grid import Grid
from tests.support.pages import Browser


def test_the_list_has_a_line_for_each_array(grid: Grid) -> None:
    """In the place of its elements, with its progress; a list with filters has the elements."""
    grid.resource()
    user = grid.user()
    alone = user.submit()
    made = outcomes(post(user, elements([1, 2, 3], job_name="<b>sweep"), 3))
    grid.set_job(made[0], state="finished", exit_code=1)
    browser = Browser(grid)

    page = browser.get("jobs")
    (array,) = page.rows()
    filtered = browser.get("jobs?state=queued").rows()

    assert array["Array"].split() == [str(made[0]), "<b>sweep"]
    assert array["Ended"].split() == ["1/3,", "1", "failed"]
    jobs = {link.rpartition("/")[2] for link in page.links() if "/jobs/" in link}
    assert jobs == {str(alone)}
    assert [row["Job"].split()[0] for row in filtered] == [str(made[2]), str(made[1]), str(alone)]


def test_an_array_has_a_page_with_its_elements(grid: Grid) -> None:
    """In the order of their indexes, fifty at a time, by state and result."""
    grid.resource()
    user = grid.user()
    made = outcomes(post(user, elements(range(60)), 60))
    grid.set_job(made[5], state="finished", exit_code=1)
    grid.set_job(made[0], state="finished", exit_code=0, started=1000, state_time_stamp=1060)
    browser = Browser(grid)

    page = browser.get(f"arrays/{made[0]}")
    failed = browser.get(f"arrays/{made[0]}?ended=failed").rows()

    facts = page.tree.xpath("//dl[@class='facts']")[0].text_content()
    assert "2/60, 1 failed" in " ".join(facts.split())
    assert "1m00s on average" in facts
    assert [row["Job"].split()[:2] for row in page.rows()[:2]] == [
        [str(made[0]), f"{made[0]}[0]"],
        [str(made[1]), f"{made[0]}[1]"],
    ]
    assert len(page.rows()) == 50
    assert len(browser.get(f"arrays/{made[0]}?start=50").rows()) == 10
    assert [row["Job"].split()[0] for row in failed] == [str(made[5])]


def test_an_array_of_others_does_not_exist(grid: Grid) -> None:
    """The answer is the same for one that there is, and for one that there is not."""
    grid.resource()
    (first,) = outcomes(post(grid.user(), elements([1]), 1))
    browser = Browser(grid, "eve@desk", ("evil",))

    for number in (first, first + 7):
        page = browser.get(f"arrays/{number}")
        assert page.status == 404
        assert page.text.replace(str(number), "N") == browser.get("arrays/999").text.replace("999", "N")
