"""Deadlines in the web interface: dates with a time zone in forms, Unix seconds inside."""

import time

import pytest

from lgi_server.basic_interface import zoned_time
from tests.support.grid import Grid
from tests.support.pages import Browser

NEW_YEAR = 4070908800
FORM = {"application": "hello_world", "deadline": "2099-01-01T00:00"}


@pytest.mark.parametrize(
    ("text", "zone", "seconds"),
    [
        ("2099-01-01T00:00", "", NEW_YEAR),
        ("2099-01-01T00:00:30", "utc", NEW_YEAR + 30),
        (" 2099-01-01 02:00 ", "+02:00", NEW_YEAR),
        ("2098-12-31T18:30", "UTC-5:30", NEW_YEAR),
        ("2099-01-01T05:45", "GMT+0545", NEW_YEAR),
        ("2099-01-01T02:00+02:00", "Asia/Tokyo", NEW_YEAR),
        (str(NEW_YEAR), "Asia/Tokyo", NEW_YEAR),
    ],
)
def test_a_date_is_read_in_its_time_zone(text: str, zone: str, seconds: int) -> None:
    """An offset, or UTC; a date that has its own is taken as it is."""
    assert zoned_time.read(text, zone) == seconds


def test_a_zone_with_a_name_has_its_summer_time() -> None:
    """As the system's files of time zones say."""
    winter, summer = (zoned_time.read(f"2031-{month}-01T12:00", "Europe/Amsterdam") for month in ("01", "07"))

    assert (winter % 86400, summer % 86400) == (11 * 3600, 10 * 3600)


@pytest.mark.parametrize(
    ("text", "zone"),
    [
        ("soon", "UTC"),
        ("2099-13-01T00:00", "UTC"),
        *(
            ("2099-01-01T00:00", zone)
            for zone in (
                "Mars/Base",
                "+15:00",
                "+2:99",
                "../../etc/passwd",
                "/etc/localtime",
                "Europe",
                "a\0b",
            )
        ),
    ],
)
def test_a_date_or_zone_that_is_none_is_refused(text: str, zone: str) -> None:
    """No name of a zone leads to another file or out of their directory."""
    with pytest.raises(ValueError, match=r"is no date and time|is no time zone"):
        zoned_time.read(text, zone)


def test_a_field_has_whole_minutes_in_utc() -> None:
    """Not before the time itself; scripts turn it into the reader's zone."""
    assert zoned_time.fields_of("when", NEW_YEAR - 59) == {"when": "2099-01-01T00:00", "when_zone": "UTC"}
    assert zoned_time.fields_of("when", None) == {"when": "", "when_zone": "UTC"}


def test_a_deadline_of_the_form_is_stored_and_shown_as_a_date(grid: Grid) -> None:
    """The form of a job like it has it, unless it is over."""
    grid.resource()
    browser = Browser(grid)

    page = browser.fill("submit", **FORM, deadline_zone="-01:00")
    job_id = int(page.path.split("/")[1])
    like = browser.get(f"submit?like={job_id}").fields()
    grid.set_job(job_id, deadline=1000000000)
    over = browser.get(f"jobs/{job_id}")

    assert "Deadline 2099-01-01 01:00:00 UTC (in " in page.text
    assert (like["deadline"], like["deadline_zone"]) == ("2099-01-01T01:00", "UTC")
    assert "2001-09-09 01:46:40 UTC (over)" in over.text
    assert browser.get(f"submit?like={job_id}").fields()["deadline"] == ""


def test_a_wrong_deadline_is_told_at_its_field(grid: Grid) -> None:
    """In the form of a submit and of a job, with what was typed; nothing is changed."""
    grid.resource()
    browser = Browser(grid)
    job_id = int(browser.fill("submit", **FORM).path.split("/")[1])
    wrong = {"deadline": "2001-01-01T00:00", "deadline_zone": "+03:00"}

    pages = [
        browser.fill("submit", **{**FORM, **wrong}),
        browser.fill(f"jobs/{job_id}", "/deadline", **wrong),
        browser.fill(f"jobs/{job_id}", "/deadline", **{**wrong, "deadline_zone": "here"}),
    ]

    for page, said in zip(pages, ("it is over", "it is over", "'here' is no time zone"), strict=True):
        (told,) = page.tree.xpath("//*[@id='deadline-fault']")
        assert (page.status, page.tree.xpath("//*[@aria-invalid='true']/@name")) == (400, ["deadline"])
        assert said in told.text_content()
        assert 'value="2001-01-01T00:00"' in page.answer.text
    assert grid.rows("SELECT deadline FROM job_queue") == [{"deadline": NEW_YEAR}]


def test_the_deadline_of_a_queued_job_is_changed_on_its_page(grid: Grid) -> None:
    """By those who may change it, and taken away with an empty field; later there is no form for it."""
    grid.resource()
    job_id = grid.user().submit(read_access="bob@desk")
    browser, bob = Browser(grid), Browser(grid, "bob@desk", ("x",))

    def deadline() -> object:
        return grid.rows("SELECT deadline FROM job_queue")[0]["deadline"]

    changed = browser.fill(f"jobs/{job_id}", "/deadline", deadline="2099-01-01T09:00", deadline_zone="+09:00")
    stored = deadline()
    cleared = browser.fill(f"jobs/{job_id}", "/deadline", deadline="")
    form = browser.get(f"jobs/{job_id}").fields("/deadline")
    grid.set_job(job_id, state="running", daemon_pulse=int(time.time()))
    late = browser.send(f"jobs/{job_id}/deadline", {**form, "deadline": "2099-01-01T00:00"})
    token = bob.get("submit").fields()["token"]

    assert stored == NEW_YEAR
    assert changed.fields("/deadline")["deadline"] == "2099-01-01T00:00"
    assert "deadline 2099-01-01 00:00 UTC" in cleared.text
    assert (late.status, deadline()) == (400, None)
    assert "Only a job that is queued can be given a deadline" in late.text
    assert not browser.get(f"jobs/{job_id}").tree.xpath("//form[contains(@action, '/deadline')]")
    for sender, sent, status in ((bob, {"token": token}, 403), (browser, {}, 403)):
        assert sender.send(f"jobs/{job_id}/deadline", {**sent, "deadline": ""}).status == status
