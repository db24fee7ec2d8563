"""The page of a job: facts, resources, timeline, previews of files, archives."""

import io
import zipfile
from pathlib import Path

import pytest

from tests.support import running_jobs
from tests.support.grid import Grid, wait_for
from tests.support.pages import Browser, Page

pytestmark = pytest.mark.one_database

PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)
HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def browser(grid: Grid) -> Browser:
    """A user of a project with a resource."""
    grid.resource("hpc@cluster", "<hello_world> </hello_world> <vasp> <max_cpus> 8 </max_cpus> </vasp>")
    return Browser(grid)


def facts(page: Page) -> dict[str, str]:
    """The facts of a job by their names."""
    pairs = page.tree.xpath("//div[@id='job']/dl/div")
    return {pair.find("dt").text: " ".join(pair.find("dd").text_content().split()) for pair in pairs}


def files_of(grid: Grid, job_id: int) -> Path:
    """The directory with the files of a job."""
    (row,) = grid.rows("SELECT repository FROM job_queue WHERE job_id = %s", job_id)
    return grid.config.repository / str(row["repository"])[-3:] / str(row["repository"])


def test_requests_and_times_are_facts(grid: Grid, browser: Browser) -> None:
    """In units that people read; the specifics are there as XML too."""
    specifics = "<cpus>4</cpus> <memory>2048</memory> <walltime>01:30:00</walltime> <image>psi4:1.5</image>"
    job_id = grid.user().submit(job_specifics=specifics)
    grid.set_job(job_id, state="finished", exit_code=0, submitted=1000, started=1300, state_time_stamp=4725)

    page = browser.get(f"jobs/{job_id}")

    found = facts(page)
    assert (found["Cores"], found["Memory requested"], found["Time requested"]) == ("4", "2 GB", "1h30m")
    assert (found["Image"], found["Waited"], found["Run time"]) == ("psi4:1.5", "5m00s", "57m05s")
    assert "<image>psi4:1.5</image>" in page.tree.xpath("//details[@class='raw']")[0].text_content()
    assert page.tree.findtext(".//title").startswith(f"Finished, exit code 0: job {job_id}")
    assert "lgi-succeeded.svg" in page.tree.xpath("//link[@rel='icon']/@href")[0]


def test_a_job_that_waits_has_a_verdict_of_each_resource(grid: Grid, browser: Browser) -> None:
    """Those first that could run it; a reason is text of others."""
    closed = "&lt;unavailable&gt; no &amp;lt;b&amp;gt; &lt;/unavailable&gt;"
    grid.resource("closed@cluster", f"<vasp> {closed} </vasp>")
    grid.resource("other@desk", "<hello_world> </hello_world>")
    job_id = grid.user().submit(application="vasp", job_specifics="<cpus>16</cpus>")

    page = browser.get(f"jobs/{job_id}")

    rows = {row["Resource"]: row["For this job"] for row in page.rows()}
    assert list(rows) == ["closed@cluster", "hpc@cluster", "other@desk"]
    assert rows["closed@cluster"] == "takes no such jobs now: no <b>"
    assert rows["hpc@cluster"] == "gives a job 8 cpus at most, not 16"
    assert rows["other@desk"] == "does not offer the application"


def test_a_job_that_failed_says_why_before_all_else(grid: Grid, browser: Browser) -> None:
    """With the reason of its daemon; the button to submit it again makes a job like it."""
    job_id = grid.user().submit(job_name="x")
    grid.set_job(job_id, state="finished", exit_signal=9, end_reason="out of <memory>")

    page = browser.get(f"jobs/{job_id}")
    again = browser.send("jobs/chosen", page.fields("jobs/chosen") | {"action": "again"})

    (why,) = page.tree.xpath("//p[@class='failed-why']")
    assert "It failed: finished, killed by signal 9: out of <memory>" in why.text_content()
    assert "1 job is submitted again" in again.text
    assert "lgi-failed.svg" in page.tree.xpath("//link[@rel='icon']/@href")[0]


def test_the_life_of_a_job_is_a_timeline(grid: Grid, browser: Browser) -> None:
    """Each state for its time, drawn by the server."""
    job_id = grid.user().submit()
    running_jobs.take(grid, grid.resource("mini@desk", "<hello_world> </hello_world>"))
    grid.run("UPDATE job_history SET change_time = 1000 WHERE new_state = 'queued'")
    grid.run("UPDATE job_history SET change_time = 1060 WHERE new_state = 'running'")
    grid.set_job(job_id, state="finished", exit_code=0)
    grid.run(
        "INSERT INTO job_history (job_id, change_time, old_state, new_state, changed_by, reason, application,"
        " owners, target_resources) VALUES (%s, 1180, 'running', 'finished', '', '', '', '', '')",
        job_id,
    )

    tree = browser.get(f"jobs/{job_id}").tree

    steps = [" ".join(step.text_content().split()) for step in tree.xpath("//ol[@class='steps']/li")]
    assert steps == ["queued 1m00s", "running 2m00s", "finished 1970-01-01"]
    widths = [rect.get("width") for rect in tree.xpath("//*[contains(@class, 'timeline')]/*")]
    assert widths == ["333.3", "666.7"]


def test_a_file_is_shown_as_text_table_or_picture(grid: Grid, browser: Browser) -> None:
    """By its bytes, not by its name, but for tables; each text of it is text."""
    job_id = grid.user().submit()
    place = files_of(grid, job_id)
    (place / "a b&.txt").write_text(f"one\n{HOSTILE}\n")
    (place / "t.csv").write_text(f'name,"a ""b"""\n{HOSTILE},2\n')
    (place / "p.dat").write_bytes(PNG)
    (place / "empty").write_bytes(b"")
    view = f"jobs/{job_id}/files/view?name="

    text, table, picture = (browser.get(view + name) for name in ("a+b%26.txt", "t.csv", "p.dat"))

    assert text.tree.xpath("//pre")[0].text == f"\none\n{HOSTILE}\n"
    assert [cell.text_content() for cell in table.tree.xpath("//table//th | //table//td")] == [
        *("name", 'a "b"', HOSTILE, "2")
    ]
    (source,) = picture.tree.xpath("//main//img/@src")
    shown = browser.get(f"https://localhost:{grid.port}{source}").answer
    assert (shown.content, shown.headers["Content-Type"]) == (PNG, "image/png")
    assert "It is empty." in browser.get(view + "empty").text
    assert len(browser.get(f"jobs/{job_id}").tree.xpath("//a[contains(@href, 'files/view')]")) == 4


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("page.html", HOSTILE.encode()),
        ("x.svg", f"<svg xmlns='http://www.w3.org/2000/svg'>{HOSTILE}</svg>".encode()),
        ("x.png", HOSTILE.encode()),
        ("table.csv", b"a,b\n" + b"x," * 20000 + b"\n" + b"1,2\n" * 20000),
        ("quote.csv", b'a,"b\n' * 3000 + b"\0"),
        ("large.txt", b"\xf0\x9f\x98\x80" * 100_000),
    ],
)
def test_a_hostile_file_is_text_in_a_page_of_ours(
    grid: Grid, browser: Browser, name: str, data: bytes
) -> None:
    """Markup, a picture that is a program, and files that would make a page of any size."""
    job_id = grid.user().submit()
    (files_of(grid, job_id) / name).write_bytes(data)

    page = browser.get(f"jobs/{job_id}/files/view?name={name}")
    raw = browser.get(f"jobs/{job_id}/files/picture?name={name}")

    assert (page.status, raw.status) == (200, 404)
    assert all(str(one.get("src")).startswith("/LGI/static/") for one in page.tree.xpath("//script"))
    assert page.tree.xpath("//main//img | //main//svg") == []
    assert len(page.answer.content) < (300_000 if name == "large.txt" else 100_000)
    assert "sandbox" not in page.answer.headers["Content-Security-Policy"]


def test_a_picture_opened_by_itself_is_in_a_sandbox(grid: Grid, browser: Browser) -> None:
    """Without scripts, and with the type that the server has found."""
    job_id = grid.user().submit()
    (files_of(grid, job_id) / "p.html").write_bytes(b"GIF89a<script>alert(1)</script>")

    headers = browser.get(f"jobs/{job_id}/files/picture?name=p.html").answer.headers

    assert headers["Content-Type"] == "image/gif"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")


def test_no_other_file_is_shown(grid: Grid, browser: Browser, tmp_path: Path) -> None:
    """No link, no directory, no file of the server's, none of others; the answer says no more than that."""
    hidden = grid.user("eve@desk", ("phys",)).submit()
    (files_of(grid, hidden) / "secret").write_text("x")
    job_id = grid.user().submit()
    (tmp_path / "outside").write_text("outside")
    (files_of(grid, job_id) / "link").symlink_to(tmp_path / "outside")
    (files_of(grid, job_id) / "folder").mkdir()
    names = (
        "link",
        "folder",
        "..",
        "../x",
        "%2Fetc%2Fpasswd",
        ".LGI_repository_write_access",
        "none",
        "",
        "a%00b",
    )

    answers = [
        browser.get(f"jobs/{job_id}/files/{what}?name={name}")
        for what in ("view", "picture")
        for name in names
    ]
    others = [browser.get(f"jobs/{hidden}/files{what}").status for what in ("/view?name=secret", ".zip")]

    assert {page.status for page in answers} <= {400, 404}
    assert others == [404, 404]


def test_all_files_of_a_job_are_one_archive(grid: Grid, browser: Browser, tmp_path: Path) -> None:
    """With their contents and times, without the server's own and without links."""
    job_id = grid.user().submit()
    place = files_of(grid, job_id)
    contents = {"a.txt": b"first", "b c\u2022.bin": bytes(200_000), "..\\up": b"x", "empty": b""}
    for name, data in contents.items():
        (place / name).write_bytes(data)
    (place / "link").symlink_to(tmp_path)

    answer = browser.get(f"jobs/{job_id}/files.zip").answer
    archive = zipfile.ZipFile(io.BytesIO(answer.content))

    assert archive.testzip() is None
    found = {name: archive.read(name) for name in archive.namelist()}
    assert found == {name.replace("\\", "_"): data for name, data in contents.items()}
    assert answer.headers["Content-Disposition"] == f"attachment; filename*=UTF-8''job_{job_id}.zip"
    assert archive.infolist()[0].date_time[0] >= 2025


def test_the_files_of_chosen_jobs_are_one_archive(grid: Grid, browser: Browser) -> None:
    """Those of each in a directory of its own; none when the user may not read one of them."""
    one, two = grid.user().submit(), grid.user().submit()
    hidden = grid.user("eve@desk", ("phys",)).submit()
    for job_id in (one, two, hidden):
        (files_of(grid, job_id) / "out").write_text(str(job_id))
    fields = browser.get("jobs").fields("jobs/chosen") | {"action": "download"}

    answer = browser.send("jobs/chosen", fields | {"chosen": [str(one), str(two)]}).answer
    refused = browser.send("jobs/chosen", fields | {"chosen": [str(one), str(hidden)]})

    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    assert {name: archive.read(name).decode() for name in archive.namelist()} == {
        f"{one}/out": str(one),
        f"{two}/out": str(two),
    }
    assert refused.status == 404


def test_the_output_of_a_running_job_is_downloaded(grid: Grid, browser: Browser) -> None:
    """What the server has of it; nobody else gets it."""
    resource = grid.resource("mini@desk", "<hello_world> </hello_world>")
    job_id = str(grid.user().submit())
    running_jobs.take(grid, resource)
    browser.get(f"jobs/{job_id}")
    wait_for(lambda: resource.send_tail(job_id, running_jobs.REFERENCE, 0, b"half\n", complete=False))

    assert browser.get(f"jobs/{job_id}/tail").answer.content == b"half\n"
    assert Browser(grid, "eve@desk", ("phys",)).get(f"jobs/{job_id}/tail").status == 404


def test_a_note_stands_beside_the_cause_of_a_failure(grid: Grid, browser: Browser) -> None:
    """The job failed by its exit code, or for another reason; a job without a note has no such fact."""
    noted, both = (grid.user().submit() for _ in range(2))
    grid.set_job(noted, state="finished", exit_code=3, end_reason="not stored: d/ (directory)")
    grid.set_job(both, state="finished", exit_code=124, end_reason="too long; not stored: d/ (directory)")

    pages = [browser.get(f"jobs/{job_id}") for job_id in (noted, both)]

    whys = [page.tree.xpath("//p[@class='failed-why']")[0].text_content() for page in pages]
    assert whys[0].startswith("It failed: finished, exit code 3. ")
    assert whys[1].startswith("It failed: finished, exit code 124: too long. ")
    assert [facts(page)["Note"] for page in pages] == ["not stored: d/ (directory)"] * 2
    assert [facts(page).get("Ended so because") for page in pages] == [None, "too long"]


def test_a_failure_has_the_last_line_of_its_errors_or_output(grid: Grid, browser: Browser) -> None:
    """As text, shortened; a link in the place of the file is not followed."""
    job_id = grid.user().submit()
    grid.set_job(job_id, state="finished", exit_code=1, output=f"begin\n{HOSTILE}\n \n".encode())
    errors = files_of(grid, job_id) / "joberr.txt"
    shown = []
    secret = files_of(grid, job_id).parent / "secret"
    secret.write_text("secret")
    for content in (b"", b"first\nlast \xff" + b"x" * 5000, b"y\n" * 50_000 + b"end\n\n", b"a\0b"):
        errors.write_bytes(content)
        shown.append(
            browser.get(f"jobs/{job_id}").tree.xpath("//p[@class='failed-why']/code")[0].text_content()
        )
    errors.unlink()
    errors.symlink_to(secret)
    shown.append(browser.get(f"jobs/{job_id}").tree.xpath("//p[@class='failed-why']/code")[0].text_content())
    secret.unlink()

    assert shown[0] == shown[3] == shown[4] == HOSTILE
    assert shown[1] == f"{'x' * 300}..."
    assert shown[2] == "end"
