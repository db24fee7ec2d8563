"""What people do in Debian's Firefox: the certificate, the form with a file, live output, administration."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.conftest import lacking
from tests.firefox import driver
from tests.firefox.driver import Firefox
from tests.support import running_jobs
from tests.support.grid import PROJECT, Grid, wait_for

pytestmark = pytest.mark.slow
PASSWORD = "of the file"


@pytest.fixture(scope="module")
def browsed_grid() -> Iterator[Grid]:
    """A project server."""
    if driver.missing():
        lacking(driver.missing())
    made = Grid()
    try:
        made.start()
        yield made
    finally:
        made.remove()


@pytest.fixture
def grid(browsed_grid: Grid) -> Grid:
    """The server, its project empty."""
    browsed_grid.clear()
    return browsed_grid


@pytest.fixture(scope="module")
def home(browsed_grid: Grid) -> Iterator[Firefox]:
    """The Firefox of mark@laptop, who is an administrator too."""
    authority = browsed_grid.people.authority
    issued = authority.issue_user("mark@laptop", ("theor", "admin"), password=PASSWORD, force=True)
    with driver.running(authority.ca_file, issued.pkcs12, PASSWORD) as browser:
        yield browser


def test_firefox_shows_the_certificate_and_follows_a_job(grid: Grid, home: Firefox, tmp_path: Path) -> None:
    """A job is submitted with a file, and its output is shown while it runs, without a reload."""
    resource = grid.resource()
    (tmp_path / "notes.txt").write_text("notes\n")
    home.open(f"{grid.url}/basic_interface/{PROJECT}/submit")
    assert "mark@laptop" in home.text("header")

    home.run("document.querySelector('#application').value = 'hello_world'")
    home.type("#input", "a greeting")
    home.type("#files", str(tmp_path / "notes.txt"))
    home.click("[data-commands]")
    home.wait_for(lambda: "LGI_qsub -a hello_world" in home.text("#commands"))
    home.click("form[data-files] .actions button:not([data-commands])")
    home.wait_for(lambda: "/jobs/" in str(home.call("WebDriver:GetCurrentURL")))
    job_id = str(home.call("WebDriver:GetCurrentURL")).rpartition("/")[2]
    home.run("window.same = true")

    assert running_jobs.take(grid, resource) == job_id
    home.wait_for(lambda: "running" in home.text("h1"))
    wait_for(
        partial(resource.send_tail, job_id, running_jobs.REFERENCE, 0, b"half way <b>\n", complete=False)
    )
    home.wait_for(lambda: "half way <b>" in home.text("#output-shown"))
    assert home.run("return window.same") is True
    assert "notes.txt" in home.text("#file-list")


def test_firefox_makes_a_change_after_the_question(grid: Grid, home: Firefox) -> None:
    """Strict cookies and origins of forms are the same there as in Chromium."""
    grid.resource()
    grid.run("INSERT INTO administrators VALUES ('mark@laptop', 0, 'test')")
    home.open(f"{grid.url}/basic_interface/{PROJECT}/administration/resources")

    home.click("td a[href*='action=drain']")
    home.wait_for(lambda: "Drain the resource?" in home.text())
    home.type("#reason", "new disks")
    home.click("button.danger")
    home.wait_for(lambda: "Done: drain resource res1@cluster: new disks" in home.text())

    (row,) = grid.rows("SELECT drain_reason FROM active_resources WHERE project_server = 0")
    assert row == {"drain_reason": "new disks"}
