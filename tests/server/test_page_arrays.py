"""Arrays in the web interface: a line in the list of jobs, and a page that it opens."""

import io
import zipfile

import pytest

from tests.server.test_arrays import elements, outcomes, post
from tests.support.grid import Grid, running
from tests.support.pages import Browser

LONG = "y" * 500


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
    assert array["Ended"].split() == ["1/3,", "1", "failed", "By", "state", "1", "failed", "2", "queued"]
    states = [link.partition("?")[2] for link in page.links() if f"/arrays/{made[0]}?" in link]
    assert states == ["ended=failed", "ended=failed", "state=queued"]
    jobs = {link.rpartition("/")[2] for link in page.links() if "/jobs/" in link and "export" not in link}
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
        other = browser.get("arrays/999").text.replace("array 999", "array N")
        assert page.text.replace(f"array {number}", "array N") == other


def inputs(grid: Grid) -> dict[int, str]:
    """The input of each element by its index."""
    rows = grid.rows("SELECT array_index, input FROM job_queue WHERE array_index >= 0 ORDER BY array_index")
    return {int(str(row["array_index"])): bytes(row["input"]).decode() for row in rows}  # type: ignore[arg-type]


def test_an_array_is_submitted_with_the_form(grid: Grid) -> None:
    """Each number makes a job with it in input and labels; files are those of all, and stored once."""
    grid.resource()
    form = {"array": "3, 1, 7-8", "input": "sim {} {#}\r\n", "labels": "n={}\r\nkind=md", "job_name": "sweep"}

    page = Browser(grid).fill(
        "submit",
        files=[("files", ("same", b"for all"))],
        **form,
        application="hello_world",
        at_most="2",
        priority="5",
    )

    (array,) = grid.rows("SELECT * FROM job_arrays")
    assert page.path == f"arrays/{array['array_id']}"
    assert (array["size"], array["at_most"], array["job_name"]) == (4, 2, "sweep")
    assert inputs(grid) == {index: f"sim {index} {index}\n" for index in (1, 3, 7, 8)}
    jobs = grid.rows("SELECT labels, user_priority, repository FROM job_queue ORDER BY array_index")
    assert [job["labels"] for job in jobs] == [f"kind=md\nn={index}" for index in (1, 3, 7, 8)]
    assert {job["user_priority"] for job in jobs} == {5}
    for name in (str(job["repository"]) for job in jobs):
        assert (grid.config.repository / name[-3:] / name / "same").stat().st_nlink == 4


def test_a_number_of_many_digits_in_the_form_is_plain_text(grid: Grid) -> None:
    """It names no value, and is too long for Python to read."""
    grid.resource()
    text = "{" + "1" * 5000 + "}"

    page = Browser(grid).fill("submit", application="hello_world", array="1-2", input=text)

    assert page.path.startswith("arrays/")
    assert inputs(grid) == {1: text, 2: text}


def test_lines_of_the_form_are_combined_with_its_numbers(grid: Grid) -> None:
    """A line is what it is, also with braces in it; empty ones are left out."""
    grid.resource()
    form = {"application": "hello_world", "each_line": " a b.in\r\n\r\n$(x) {1}\r\n"}

    Browser(grid).fill("submit", **form, input="{}|{.}")
    lines = inputs(grid)
    grid.clear()
    grid.resource()
    Browser(grid).fill("submit", **form, array="5-6", input="{1}|{2}")

    assert lines == {1: " a b.in| a b", 2: "$(x) {1}|$(x) {1}"}
    assert inputs(grid) == {1: "5| a b.in", 2: "5|$(x) {1}", 3: "6| a b.in", 4: "6|$(x) {1}"}


def test_a_wrong_array_is_told_at_its_field(grid: Grid) -> None:
    """With what was typed, and with the limits of the project; nothing is submitted."""
    grid.resource()
    grid.run("UPDATE users_allowed SET job_limit = 5")
    browser = Browser(grid)
    wrong = [
        ("array", "the range 5-1 is empty", {"array": "5-1"}),
        ("array", "999999 elements are too many", {"array": "1-999999"}),
        ("array", "may have 5 jobs of hello_world, the array has 6", {"array": "1-6"}),
        ("each_line", "may have 5 jobs of hello_world, the array has 6", {"each_line": "x\n" * 6}),
        ("array", "998001 elements are too many", {"array": "1-999", "each_line": "x\n" * 999}),
        ("at_most", "needs numbers or lines", {"at_most": "2"}),
        ("at_most", "is not a number", {"array": "1", "at_most": "some"}),
        (
            "input",
            "write {1} for the number and {2} for the line",
            {"array": "1", "each_line": "x", "input": "{}"},
        ),
        ("labels", "is not written as KEY=VALUE", {"array": "1-2", "labels": "{}"}),
        ("input", "input is too big", {"array": "1-2", "input": "{}" + "x" * 65355}),
        (
            "input",
            "400000 bytes in element 2, at most 65355",
            {"each_line": "x\n" + LONG, "input": "{}" * 800},
        ),
        (
            "labels",
            "40200 bytes in element 1, at most 4095",
            {"each_line": LONG * 80, "labels": "{}" + "x" * 200},
        ),
    ]

    for field, said, typed in wrong:
        page = browser.fill("submit", application="hello_world", **typed)

        (told,) = page.tree.xpath(f"//*[@id='{field}-fault']")
        assert said in told.text_content()
        assert (page.status, page.tree.xpath("//*[@aria-invalid='true']/@name")) == (400, [field])
        assert [page.fields()[name].split() for name in typed] == [text.split() for text in typed.values()]
    assert grid.rows("SELECT job_id FROM job_queue") == grid.rows("SELECT array_id FROM job_arrays") == []


@pytest.mark.slow
def test_a_large_array_is_submitted_in_parts_and_goes_on_when_it_was_cut() -> None:
    """Each as large as a call may be; the same form sent again makes no element twice.

    All parts together have no more data than a request may have.
    """
    with running(Grid(settings={"max_jobs_at_once": "3", "max_post_size": "20000"})) as grid:
        grid.resource()
        grid.user().submit()
        grid.run("UPDATE users_allowed SET job_limit = 5")
        browser = Browser(grid)

        cut = browser.fill("submit", application="hello_world", array="1-5", input="{}")
        large = browser.fill("submit", application="hello_world", array="1-5", input="x" * 5000)
        later = browser.fill(
            "submit", application="hello_world", each_line="x" + 4 * f"\n{LONG * 3}", input="{}" * 4
        )
        same = browser.fill(
            "submit", application="hello_world", array="1-5", input="", job_specifics=f"<a>{'x' * 5000}</a>"
        )
        first = inputs(grid)
        grid.run("UPDATE users_allowed SET job_limit = 0")
        form = cut.fields() | {"input": "{}"}
        done = [browser.send("submit", form) for _ in range(2)]

        (array,) = grid.rows("SELECT array_id, size FROM job_arrays")
        assert len(first) == 3
        assert "25000 bytes of all elements, at most 20000" in large.text
        assert "24004 bytes of all elements, at most 20000" in later.text
        assert "25035 bytes of all elements, at most 20000" in same.text
        assert f"3 of 5 elements are submitted, as array {array['array_id']}" in cut.text
        assert [page.path for page in done] == [f"arrays/{array['array_id']}"] * 2
        assert inputs(grid) == {index: str(index) for index in range(1, 6)}


def test_the_form_of_an_array_like_another_has_its_indexes(grid: Grid) -> None:
    """From the page of the array; from that of an element it is for one job."""
    grid.resource()
    browser = Browser(grid)
    form = {"application": "hello_world", "array": "1-40, 50", "at_most": "7", "input": "{}", "labels": "T=3"}
    page = browser.fill("submit", **form, retries="2", priority="-4")
    (link,) = [link for link in page.links() if "whole=1" in link]

    whole = browser.get(f"https://localhost:{grid.port}{link}")
    one = browser.get(f"{link.rpartition('/')[2].partition('&')[0]}").fields()

    fields = whole.fields()
    kept = {"array": "1-40, 50", "at_most": "7", "labels": "T=3", "retries": "2", "priority": "-4"}
    assert {name: fields[name].strip() for name in kept} == kept
    assert "It was the element with index 1 of its array" in whole.text
    assert (one["array"], one["at_most"], one["input"].strip()) == ("", "", "1")


def test_the_bar_of_an_array_has_a_part_that_failed(grid: Grid) -> None:
    """In its own colour, in the list and on the page of the array; its name says the numbers."""
    grid.resource()
    made = outcomes(post(grid.user(), elements(range(4)), 4))
    for job_id, code in zip(made[:3], (0, 0, 7), strict=True):
        grid.set_job(job_id, state="finished", exit_code=code)
    browser = Browser(grid)

    for path in ("jobs", f"arrays/{made[0]}"):
        (bar,) = browser.get(path).tree.xpath("//*[local-name()='svg' and contains(@class, 'share')]")
        assert [(part.get("class"), part.get("width")) for part in bar] == [
            ("bar", "50.0"),
            ("failed", "25.0"),
        ]
        assert bar.get("aria-label") == f"3 of 4 elements of array {made[0]} have ended, 1 failed"


def test_the_page_of_an_array_has_its_files_and_an_export(grid: Grid) -> None:
    """The files of each element in a directory named by its index; the export has the elements shown."""
    grid.resource()
    made = outcomes(post(grid.user(), elements([3, 4]), 2))
    grid.set_job(made[0], state="finished", exit_code=1)
    browser = Browser(grid)
    empty = browser.get(f"arrays/{made[0]}/files.zip")
    rows = grid.rows("SELECT repository FROM job_queue ORDER BY array_index")
    for row in rows:
        name = str(row["repository"])
        (grid.config.repository / name[-3:] / name / "out.txt").write_text("result")

    page = browser.get(f"arrays/{made[0]}?ended=failed")
    (archive, table, _json) = (link for link in page.links() if "files.zip" in link or "export" in link)
    sent = browser.get(f"https://localhost:{grid.port}{archive}").answer.content
    exported = browser.get(f"https://localhost:{grid.port}{table}").answer.text
    foreign = Browser(grid, "eve@desk", ("evil",)).get(f"arrays/{made[0]}/files.zip")

    assert zipfile.ZipFile(io.BytesIO(sent)).namelist() == ["3/out.txt", "4/out.txt"]
    assert [line.split(",")[0] for line in exported.splitlines()] == ["job_id", str(made[0])]
    assert (empty.status, foreign.status) == (400, 404)
