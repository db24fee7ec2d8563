"""The search, the filters, the order and the columns of the list of jobs, and its export."""

import csv
import io
import json

import pytest

from tests.server.test_arrays import elements, outcomes, post
from tests.support.grid import Grid
from tests.support.pages import Browser, Page

pytestmark = pytest.mark.one_database


def ids(page: Page) -> list[int]:
    """The jobs of a list, in its order."""
    return [int(row["Job"].split()[0]) for row in page.rows() if "Job" in row]


@pytest.fixture
def browser(grid: Grid) -> Browser:
    """A user of a project with two resources."""
    grid.resource("hpc@cluster", "<hello_world> </hello_world> <command> </command>")
    grid.resource("mini@desk", "<hello_world> </hello_world>")
    return Browser(grid)


def test_a_search_finds_numbers_labels_and_parts_of_names(grid: Grid, browser: Browser) -> None:
    """Also of resources, owners and reasons, whatever the case; markup and wildcards are text."""
    user = grid.user()
    one, two, three = (user.submit(job_name=name) for name in ("Water-12", "ice", "50%_<b>"))
    grid.set_job(two, labels="T=300", state_time_stamp=1000)
    labelled = user.submit(labels="T=3")
    grid.set_job(three, target_resources="hpc@cluster", state="finished", end_reason="out of memory")
    everything = [labelled, one, three, two]

    found = {
        text: sorted(ids(browser.get("jobs?q=" + text)))
        for text in (
            "water",
            f"{one}",
            f"{one}-{two}",
            "T%3D3",
            "OUT+OF",
            "hpc%40",
            "%25_%3C",
            "%25",
            "x_y",
            "mark",
        )
    }

    assert found == {
        "water": [one],
        f"{one}": [one],
        f"{one}-{two}": [one, two],
        "T%3D3": [labelled],
        "OUT+OF": [three],
        "hpc%40": [three],
        "%25_%3C": [three],
        "%25": [three],
        "x_y": [],
        "mark": sorted(everything),
    }
    assert "No job passes all these filters" in browser.get("jobs?q=x_y").text


def test_a_search_finds_elements_of_an_array(grid: Grid, browser: Browser) -> None:
    """Written as its number with indexes behind it."""
    made = outcomes(post(grid.user(), elements([1, 2, 3]), 3))

    assert ids(browser.get(f"jobs?q={made[0]}[2-3]")) == made[1:]


def test_a_search_shows_no_job_of_others(grid: Grid, browser: Browser) -> None:
    """Whatever is searched for, and in exports."""
    hidden = grid.user("eve@desk", ("phys",)).submit(job_name="secret", labels="a=b")

    for query in (
        "q=secret",
        f"q={hidden}",
        "q=a%3Db",
        "owner=eve%40desk",
        "owner=phys",
        "sort=name",
        "since=1d",
    ):
        assert ids(browser.get(f"jobs?{query}")) == []
        assert json.loads(browser.get(f"jobs/export?format=json&{query}").answer.text) == []


def test_a_filter_is_a_link_that_is_taken_away_by_another(grid: Grid, browser: Browser) -> None:
    """The address has all of them; those without a link of their own get one."""
    failed, queued = grid.user().submit(), grid.user().submit(job_name="x")
    grid.set_job(failed, state="finished", exit_code=3)

    first = browser.get("jobs?application=hello_world")
    (only_failed,) = first.tree.xpath("//ul[@class='chips']//a[text()='failed']/@href")
    second = browser.get(only_failed.rpartition("/")[2])
    on = second.tree.xpath("//ul[@class='chips']//a[@class='on']")

    assert ids(first) == [queued, failed]
    assert ids(second) == [failed]
    assert second.rows()[0]["State"] == "finished, exit code 3"
    assert second.tree.xpath("//table//tr/@class") == ["failed"]
    assert [link.text.strip() for link in on] == ["failed", "application: hello_world"]
    assert [link.get("href").rpartition("/")[2] for link in on] == [
        "jobs?application=hello_world",
        "jobs?ended=failed",
    ]


def test_a_list_is_filtered_by_owner_resource_and_time(grid: Grid, browser: Browser) -> None:
    """One's own jobs or those of a group; a span that is none is refused."""
    own = grid.user().submit()
    others = grid.user("eve@desk", ("cyttron",)).submit(read_access="cyttron")
    grid.set_job(own, state_time_stamp=1000)
    grid.user("eve@desk", ("cyttron",)).submit(read_access="mark@laptop", target_resources="mini@desk")

    assert ids(browser.get("jobs?owner=mark%40laptop")) == [own]
    assert others in ids(browser.get("jobs?owner=cyttron"))
    assert own not in ids(browser.get("jobs?owner=cyttron"))
    assert len(ids(browser.get("jobs?resource=mini%40desk"))) == 1
    assert own not in ids(browser.get("jobs?since=24h"))
    assert browser.get("jobs?since=x").status == browser.get("jobs?since=1w").status == 400


def test_a_list_is_sorted_by_its_headings(grid: Grid, browser: Browser) -> None:
    """Twice for the reverse order; jobs without a value come last; an unknown order is no order."""
    slow, quick, waiting = (grid.user().submit(job_name=name) for name in ("b", "c", "a"))
    grid.set_job(slow, state="finished", exit_code=0, started=1000, state_time_stamp=4725)
    grid.set_job(quick, state="finished", exit_code=0, started=1000, state_time_stamp=1042)

    page = browser.get("jobs?sort=run_time")
    (back,) = page.tree.xpath("//th[@aria-sort='ascending']/a/@href")

    assert ids(page) == [quick, slow, waiting]
    assert [row["Run time"] for row in page.rows()] == ["42s", "1h02m", ""]
    assert ids(browser.get(back.rpartition("/")[2])) == [slow, quick, waiting]
    assert ids(browser.get("jobs?sort=-name")) == [quick, slow, waiting]
    assert ids(browser.get("jobs?sort=burn")) == ids(browser.get("jobs"))
    assert ids(browser.get("jobs?sort=name&start=99999")) == ids(browser.get("jobs?sort=name"))
    assert ids(browser.get("jobs?sort=name&start=2")) == [quick]


def test_the_columns_of_a_list_are_chosen(grid: Grid, browser: Browser) -> None:
    """In the address; the command is that of LGI_run, without what is around it."""
    job_id = grid.user().submit(application="command")
    script = b"#!/bin/sh\nexport A=1\nchmod u+x ./run.sh || exit 126\nexec ./run.sh '<i>' 7\n"
    grid.set_job(job_id, input=script)

    (row,) = browser.get("jobs?columns=command&columns=owners&columns=burn").rows()

    assert row == {"Job": str(job_id), "Owners": "mark@laptop, theor", "Command": "./run.sh '<i>' 7"}


def test_a_list_is_exported(grid: Grid, browser: Browser) -> None:
    """As CSV, in which no spreadsheet finds a formula, and as JSON; with the filters of the list."""
    job_id = grid.user().submit(job_name="=1+1", labels="T=3")
    grid.set_job(job_id, state="finished", exit_code=3, end_reason='a "reason", with \u2022')
    grid.user().submit()

    answers = {
        kind: browser.get(f"jobs/export?format={kind}&ended=failed").answer for kind in ("csv", "json")
    }
    (row,) = csv.DictReader(io.StringIO(answers["csv"].content.decode()))
    (job,) = json.loads(answers["json"].content)

    assert (row["job_id"], row["job_name"], row["labels"]) == (str(job_id), "'=1+1", "T=3")
    assert (job["job_name"], job["labels"], job["exit_code"]) == ("=1+1", {"T": "3"}, 3)
    assert row["end_reason"] == job["end_reason"] == 'a "reason", with \u2022'
    for answer in answers.values():
        assert answer.headers["Content-Disposition"].startswith("attachment")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert browser.get("jobs/export?format=xml").status == 400


def test_a_long_list_is_of_less_than_100_kilobytes(grid: Grid, browser: Browser) -> None:
    """With fifty jobs, all columns, and names and labels of some length."""
    user = grid.user()
    for _ in range(51):
        user.submit(job_name="n" * 60, labels="temperature=300\nkind=molecular")
    columns = "state,application,resource,run_time,changed,owners,submitted,started,memory,processor,command"

    page = browser.get(f"jobs?columns={columns}&q=n")

    assert len(page.rows()) == 50
    assert len(page.answer.content) < 100_000
