"""What people do in a browser, from the first visit to the last click."""

import re
from functools import partial
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from lgi_protocol.resource_api import ResourceCalls
from tests.browser.visitors import Visitors
from tests.support import running_jobs
from tests.support.grid import Grid, wait_for

pytestmark = pytest.mark.slow

# How many pixels of a text come below what is shown of it.
TO_THE_END = "it => it.scrollHeight - it.clientHeight - it.scrollTop"


def finish(resource: ResourceCalls, job_id: str, output: bytes) -> None:
    """Report a job as finished, as its daemon would."""
    resource.lock(job_id)
    resource.update(job_id, state="finished", output=output, exit_code=0)
    resource.unlock(job_id)


def submit(page: Page, files: list[dict[str, object]]) -> str:
    """Fill in the form and send it; the number of the job whose page comes up."""
    page.get_by_role("link", name="Submit", exact=True).click()
    page.get_by_label("Application").select_option("hello_world")
    page.get_by_label("Input").fill("a greeting\n")
    page.get_by_label("Files").set_input_files(files)  # type: ignore[arg-type]
    expect(page.get_by_text("results.csv (2.05 kB)")).to_be_visible()
    page.get_by_role("button", name="Submit").click()
    page.wait_for_url("**/jobs/*")
    return page.url.rpartition("/")[2]


def test_a_user_follows_a_job_from_the_first_visit_to_its_end(
    grid: Grid, visitors: Visitors, tmp_path: Path
) -> None:
    """A job with two files is submitted, watched until it finishes, and deleted after a file was fetched."""
    resource = grid.resource()
    page = visitors.page()

    page.goto(f"{grid.url}/")
    page.get_by_role("link", name="Open the web interface").click()
    expect(page.get_by_role("main")).to_contain_text("You are mark@laptop")
    job_id = submit(
        page,
        [
            {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"notes\n"},
            {"name": "results.csv", "mimeType": "text/csv", "buffer": b"1" * 2048},
        ],
    )
    heading = page.get_by_role("heading", level=1)
    expect(heading).to_have_text(f"Job {job_id} queued")
    # The script has replaced the time of the server, 2026-11-30 18:00:00 UTC.
    expect(page.locator("#job time:not([data-ago])").first).to_have_text(re.compile("^[^-]+$"))

    assert running_jobs.take(grid, resource) == job_id
    expect(heading).to_have_text(f"Job {job_id} running")
    wait_for(
        partial(resource.send_tail, job_id, running_jobs.REFERENCE, 0, b"half way <b>\n", complete=False)
    )
    expect(page.get_by_role("region", name="Output")).to_have_text("half way <b>")
    finish(resource, job_id, b"Hello World\n")
    expect(heading).to_have_text(f"Job {job_id} finished, exit code 0")
    expect(page.get_by_role("region", name="Output")).to_have_text("Hello World")

    with page.expect_download() as fetched:
        page.get_by_role("link", name="notes.txt", exact=True).click()
    assert Path(fetched.value.path()).read_bytes() == b"notes\n"

    page.get_by_role("link", name="Delete", exact=True).click()
    page.get_by_role("button", name=f"Delete job {job_id}").click()
    expect(page.get_by_text(f"Job {job_id} is deleted.")).to_be_visible()
    assert grid.rows("SELECT * FROM job_queue") == []


def test_a_second_user_sees_no_job_of_the_first_one(grid: Grid, visitors: Visitors) -> None:
    """Neither the list nor the address of the job shows it."""
    grid.resource()
    job_id = grid.user().submit()
    page = visitors.page("other@desk", ("chem",))

    page.goto(f"{visitors.base}/jobs")
    expect(page.get_by_text("There are no jobs yet.")).to_be_visible()
    page.goto(f"{visitors.base}/jobs/{job_id}")
    expect(page.get_by_role("alert")).to_contain_text("There is no such job")


def test_a_visitor_without_a_certificate_sees_only_advice(grid: Grid, visitors: Visitors) -> None:
    """The page explains how to import one, and links the landing page."""
    grid.resource()
    job_id = grid.user().submit()
    page = visitors.page("", ())

    page.goto(f"{visitors.base}/jobs/{job_id}")
    expect(page.get_by_text("Load the file .p12")).to_be_visible()
    page.get_by_role("link", name="What this server is").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Leiden Grid Infrastructure")


def test_files_are_dropped_onto_a_job_and_deleted(grid: Grid, visitors: Visitors) -> None:
    """Several at once by drag and drop, each shown before it is sent; deleting one asks.

    Beside their place nothing is dropped: the browser would leave the page to show the file.
    """
    grid.resource()
    job_id = grid.user().submit()
    page = visitors.page()
    page.goto(f"{visitors.base}/jobs/{job_id}")

    dropped = page.evaluate_handle(
        """() => { const data = new DataTransfer();
        for (const name of ["one.txt", "two.txt"]) { data.items.add(new File([name], name)); }
        return data; }"""
    )
    is_kept = """(it, data) => !it.dispatchEvent(
        new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }))"""
    assert page.get_by_role("heading", level=1).evaluate(is_kept, dropped)
    expect(page.get_by_text("two.txt")).to_have_count(0)
    page.dispatch_event("[data-drop]", "drop", {"dataTransfer": dropped})
    expect(page.get_by_text("two.txt (7 B)")).to_be_visible()
    page.get_by_role("button", name="Upload").click()
    page.get_by_role("link", name="Delete two.txt").click()
    page.get_by_role("button", name="Delete the file").click()

    expect(page.get_by_role("link", name="one.txt", exact=True)).to_be_visible()
    expect(page.get_by_role("link", name="two.txt", exact=True)).to_have_count(0)


def test_a_refused_form_keeps_what_was_typed(grid: Grid, visitors: Visitors) -> None:
    """Also when the form is sent by the script that shows how far the files have come."""
    grid.resource()
    page = visitors.page()
    page.goto(f"{visitors.base}/submit")

    page.get_by_label("Input").fill("kept")
    page.get_by_text("Specifics, groups and access").click()
    page.get_by_label("Specifics", exact=True).fill("<a>")
    page.get_by_label("Files").set_input_files({"name": "x", "mimeType": "text/plain", "buffer": b"x"})
    page.get_by_role("button", name="Submit").click()

    expect(page.get_by_role("alert")).to_contain_text("not acceptable XML")
    expect(page.get_by_label("Input")).to_have_value("kept")
    page.get_by_label("Specifics", exact=True).fill("<a> 1 </a>")
    page.get_by_role("button", name="Submit").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("queued")


def test_a_form_with_files_that_are_too_big_keeps_what_was_typed(visitors: Visitors, grid: Grid) -> None:
    """These are refused before the rest of the form is read: it stays, and can be sent without them."""
    grid.resource()
    page = visitors.page()
    page.goto(f"{visitors.base}/submit")
    page.get_by_label("Input").fill("kept")
    page.get_by_label("Files").set_input_files({"name": "x", "mimeType": "text/plain", "buffer": b"x"})
    too_big = "<main><div role='alert' tabindex='-1'>An uploaded file is too big</div></main>"
    page.route(page.url, lambda route: route.fulfill(status=413, body=too_big), times=1)

    for _ in range(2):
        page.get_by_role("button", name="Submit").click()
        expect(page.get_by_role("alert")).to_be_focused()
        expect(page.get_by_role("alert")).to_have_text("An uploaded file is too big")
        page.route(page.url, lambda route: route.fulfill(status=413, body=too_big), times=1)
    expect(page.get_by_label("Input")).to_have_value("kept")
    page.unroute(page.url)
    page.get_by_role("button", name="Submit").click()

    expect(page.get_by_role("heading", level=1)).to_contain_text("queued")


def test_every_link_and_form_is_reached_with_the_keyboard(grid: Grid, visitors: Visitors) -> None:
    """The first stop leads past the menu; then each link in its order, and a form is sent with Enter."""
    grid.resource()
    job_id = grid.user().submit()
    page = visitors.page()
    page.goto(f"{visitors.base}/jobs/{job_id}/delete")

    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="To the content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name=str(job_id), exact=True)).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name=f"Delete job {job_id}")).to_be_focused()
    page.keyboard.press("Enter")

    expect(page.get_by_text(f"Job {job_id} is deleted.")).to_be_visible()


def test_a_list_is_used_with_single_keys(grid: Grid, visitors: Visitors) -> None:
    """/ searches, j and k move, x chooses, ? says which keys there are; in a field they are letters."""
    grid.resource()
    jobs = [grid.user().submit(job_name=name) for name in ("first", "second")]
    page = visitors.page()
    page.goto(f"{visitors.base}/jobs")

    page.keyboard.press("j")
    page.keyboard.press("j")
    expect(page.get_by_role("link", name=str(jobs[0]), exact=True)).to_be_focused()
    page.keyboard.press("x")
    expect(page.get_by_role("checkbox", name=f"Choose job {jobs[0]}")).to_be_checked()
    page.keyboard.press("k")
    expect(page.get_by_role("link", name=str(jobs[1]), exact=True)).to_be_focused()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("search")
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    page.keyboard.type("second")
    page.keyboard.press("Enter")

    page.wait_for_url("**/jobs?q=second")
    expect(page.get_by_role("row")).to_have_count(2)


def test_the_buttons_of_a_list_are_for_the_jobs_that_are_chosen(grid: Grid, visitors: Visitors) -> None:
    """None without a choice; hold and release for queued ones only; the number of them is shown."""
    grid.resource()
    queued, ended = (grid.user().submit() for _ in range(2))
    grid.set_job(ended, state="finished", exit_code=0)
    page = visitors.page()
    page.goto(f"{visitors.base}/jobs")
    again, hold = (page.get_by_role("button", name=name, exact=True) for name in ("Submit again", "Hold"))

    expect(again).to_be_disabled()
    expect(hold).to_be_disabled()
    page.get_by_role("checkbox", name=f"Choose job {ended}").check()
    expect(page.get_by_text("Chosen jobs (1):")).to_be_visible()
    expect(again).to_be_enabled()
    expect(hold).to_be_disabled()
    page.get_by_role("checkbox", name="all of this page").check()
    expect(page.get_by_text("Chosen jobs (2):")).to_be_visible()
    expect(page.get_by_role("checkbox", name=f"Choose job {queued}")).to_be_checked()
    expect(hold).to_be_enabled()


def test_an_open_list_shows_what_is_new(grid: Grid, visitors: Visitors) -> None:
    """It shows a job that is submitted elsewhere, and its changes of state, without a reload."""
    resource = grid.resource()
    page = visitors.page()
    page.goto(f"{visitors.base}/jobs")
    expect(page.get_by_text("There are no jobs yet.")).to_be_visible()
    page.evaluate("window.isTheSame = true")

    job_id = grid.user().submit()
    row = page.get_by_role("row").filter(has=page.get_by_role("link", name=str(job_id), exact=True))
    expect(row).to_contain_text("queued")
    running_jobs.take(grid, resource)

    expect(row).to_contain_text("running")
    assert page.evaluate("window.isTheSame")


def test_an_open_page_outlives_a_busy_server(grid: Grid, visitors: Visitors) -> None:
    """What it shows stays when the server has no time for it (503), and is brought up to date later."""
    resource = grid.resource()
    job_id = grid.user().submit()
    page = visitors.page()
    page.clock.install()
    page.goto(f"{visitors.base}/jobs/{job_id}")
    page.evaluate("window.isTheSame = true")
    page.route(page.url, lambda route: route.fulfill(status=503, body="<p>busy</p>"), times=1)

    with page.expect_response(lambda answer: answer.status == 503):
        running_jobs.take(grid, resource)
    page.wait_for_timeout(100)
    assert page.evaluate("window.isTheSame")
    page.clock.fast_forward(20_000)

    expect(page.get_by_role("heading", level=1)).to_have_text(f"Job {job_id} running")
    assert page.evaluate("window.isTheSame")


def test_a_reader_of_the_output_of_a_running_job_stays_in_place(grid: Grid, visitors: Visitors) -> None:
    """The page follows the end of the output, unless the user has scrolled up or moved there by keyboard."""
    resource = grid.resource()
    job_id = str(grid.user().submit())
    running_jobs.take(grid, resource)
    page = visitors.page()
    page.goto(f"{visitors.base}/jobs/{job_id}")
    output = page.get_by_role("region", name="Output")
    sent = bytearray()

    def put_out(text: bytes) -> int:
        wait_for(partial(resource.send_tail, job_id, running_jobs.REFERENCE, len(sent), text, complete=False))
        sent.extend(text)
        expect(output).to_contain_text(text.decode().split()[-1])
        return int(output.evaluate(TO_THE_END))

    put_out(b"begin\n")
    assert put_out(b"line\n" * 500 + b"first\n") < 8
    output.focus()
    output.evaluate("it => { it.scrollTop = 1000; }")
    put_out(b"second\n")

    assert output.evaluate("it => it.scrollTop") == 1000
    expect(output).to_be_focused()
    page.reload()
    assert output.evaluate(TO_THE_END) < 8


def test_the_command_of_the_form_follows_what_is_typed(grid: Grid, visitors: Visitors) -> None:
    """It is shown on the same page, with the names of the chosen files, and nothing is submitted."""
    grid.resource()
    page = visitors.page()
    page.goto(f"{visitors.base}/submit")
    page.get_by_label("Application").select_option("hello_world")
    page.get_by_label("Files").set_input_files(
        [{"name": "my data.csv", "mimeType": "text/csv", "buffer": b"1"}]
    )

    page.get_by_role("button", name="Show the command").click()
    command = page.get_by_role("region", name="The command")
    expect(command).to_have_text("LGI_qsub -a hello_world 'my data.csv'")
    page.get_by_label("Cores").fill("many")
    expect(page.locator("#commands")).to_contain_text("is no number above 0")
    page.get_by_label("Cores").fill("4")
    expect(command).to_have_text("LGI_qsub -a hello_world -s '<cpus> 4 </cpus>' 'my data.csv'")

    expect(page.get_by_role("region", name="The Python")).to_contain_text("project.submit(")
    assert page.url.endswith("/submit")
    assert grid.rows("SELECT job_id FROM job_queue") == []
