"""How every page looks, and what it is to those who do not see it: any width, light, dark (WCAG 2.2 AA)."""

import time
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.browser import chromium, scenes
from tests.browser.visitors import Visitors
from tests.support.grid import Grid

pytestmark = pytest.mark.slow

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# What a hostile or merely long name makes of a page.
LONG = "x" * 200


def violations(page: Page) -> list[str]:
    """What axe-core finds wrong: the rule, and where."""
    found = page.evaluate("rules => axe.run({runOnly: rules})", RULES)
    return [
        f"{one['id']}: {node['target']} {node['failureSummary']}"
        for one in found["violations"]
        for node in one["nodes"]
    ]


def overflow(page: Page) -> int:
    """By how many pixels a page is wider than its window."""
    return int(page.evaluate("document.scrollingElement.scrollWidth - document.documentElement.clientWidth"))


def check(page: Page, name: str, address: str) -> list[str]:
    """All that is wrong with one page, light and dark, narrow and wide."""
    wrong = []
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto(address)
    page.evaluate(chromium.AXE.read_text())
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
        wrong += [f"{name}, {scheme}: {one}" for one in violations(page)]
    for width in (360, 2560):
        page.set_viewport_size({"width": width, "height": 1440})
        if (pixels := overflow(page)) > 0:
            wrong.append(f"{name}: {pixels} pixels too wide for {width}")
    return wrong


@pytest.fixture(scope="module")
def played(browsed_grid: Grid) -> dict[str, int]:
    """A project in which something has happened, for the tests of its pages together."""
    browsed_grid.clear()
    return scenes.play(browsed_grid)


@pytest.mark.parametrize("name", scenes.NAMES)
def test_a_page_can_be_used_by_everybody(all_visitors: Visitors, played: dict[str, int], name: str) -> None:
    """axe-core has nothing to say, light or dark, and nothing is cut off at 360 or 2560 pixels."""
    page = all_visitors.page()

    wrong = check(page, name, scenes.address(all_visitors, name, played))

    page.close()
    assert wrong == []


def test_the_pages_of_administrators_can_be_used_by_everybody(grid: Grid, visitors: Visitors) -> None:
    """With rules and limits, and names that are very long."""
    grid.run("INSERT INTO users_allowed VALUES (%s, 'vasp', -20)", LONG)
    scenes.administrate(grid, int(time.time()))
    grid.resource("hpc@cluster.example.org", scenes.LOOK)
    page = visitors.page("root@desk", ("admin",))

    wrong = [
        fault
        for path in scenes.ADMINISTRATION.values()
        for fault in check(page, path, f"{visitors.base}/{path}")
    ]

    assert wrong == []


def test_long_words_make_no_page_too_wide(grid: Grid, visitors: Visitors, tmp_path: Path) -> None:
    """A site's own state, names of files and resources, specifics, however long."""
    grid.resource(f"{LONG[:59]}@desk", f"<hello_world> {LONG} </hello_world>")
    (tmp_path / LONG).write_bytes(b"x")
    job_id = grid.user().submit((tmp_path / LONG,), job_specifics=f"<a> {LONG} </a>", read_access=LONG)
    grid.set_job(job_id, state=LONG, target_resources=LONG, output=LONG.encode() * 9)
    page = visitors.page()

    wrong = [
        fault
        for path in ("", "jobs", f"jobs/{job_id}", f"jobs/{job_id}/delete", "submit", "resources", "usage")
        for fault in check(page, path, f"{visitors.base}/{path}")
    ]

    assert wrong == []


def test_every_page_can_be_used_in_an_empty_project(grid: Grid, visitors: Visitors) -> None:
    """An empty list has advice instead."""
    page = visitors.page()

    wrong = [
        fault
        for path in ("", "jobs", "submit", "resources", "usage")
        for fault in check(page, path, f"{visitors.base}/{path}")
    ]

    assert wrong == []


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/New_York"])
def test_times_are_those_of_the_reader(grid: Grid, visitors: Visitors, zone: str) -> None:
    """They are in the time zone of the browser; the title has UTC."""
    grid.resource()
    job_id = grid.user().submit()
    grid.set_job(job_id, state_time_stamp=1000000000)
    page = visitors.page()
    page.context.new_cdp_session(page).send("Emulation.setTimezoneOverride", {"timezoneId": zone})

    page.goto(f"{visitors.base}/jobs/{job_id}")

    shown = page.locator("time").first
    assert {"Asia/Tokyo": "10:46:40", "America/New_York": "21:46:40"}[zone] in str(shown.text_content())
    assert shown.get_attribute("title") == "2001-09-09 01:46:40 UTC"


def test_a_deadline_is_typed_in_the_time_zone_of_the_reader(grid: Grid, visitors: Visitors) -> None:
    """The zone follows the date, and the page of the job has it as it was typed."""
    grid.resource()
    page = visitors.page()
    zone = {"timezoneId": "America/New_York"}
    page.context.new_cdp_session(page).send("Emulation.setTimezoneOverride", zone)
    page.goto(f"{visitors.base}/submit")

    page.get_by_label("Application").select_option("hello_world")
    page.get_by_label("Deadline", exact=True).fill("2031-07-01T09:00")
    page.get_by_label("Deadline", exact=True).dispatch_event("change")
    zones = [page.get_by_label("Time zone of the deadline").input_value()]
    page.get_by_role("button", name="Submit").click()
    page.wait_for_url("**/jobs/*")
    zones.append(page.get_by_label("Time zone of the deadline").input_value())

    assert zones == ["-04:00", "-04:00"]
    assert page.get_by_label("Deadline", exact=True).input_value() == "2031-07-01T09:00"
    assert grid.rows("SELECT deadline FROM job_queue") == [{"deadline": 1940677200}]
