"""The forms of the web interface: who may use them, and the protection against forged requests."""

from pathlib import Path

import pytest

from lgi_protocol.job_end import End
from tests.server.test_retries import fail_by_cycle
from tests.support.grid import Grid
from tests.support.pages import FROM_OURS, Browser

ELSEWHERE = {**FROM_OURS, "Sec-Fetch-Site": "cross-site"}


@pytest.fixture
def offered(grid: Grid) -> Grid:
    """A project with a resource that offers two applications."""
    grid.resource(capabilities="<hello_world> </hello_world> <vasp> </vasp>")
    return grid


def test_a_job_is_submitted_with_files(offered: Grid) -> None:
    """Input is text as it was typed, in Unix lines; files come with it; then the job's page is shown."""
    browser = Browser(offered)
    files = [("files", ("a.txt", b"first")), ("files", ("b c.bin", b"\x00\xff")), ("files", ("", b""))]

    page = browser.fill(
        "submit", files=files, application="hello_world", input=" one\r\ntwo \r\n", job_specifics="<a> 1 </a>"
    )

    (job,) = offered.rows("SELECT * FROM job_queue")
    assert page.path == f"jobs/{job['job_id']}"
    assert bytes(job["input"]) == b" one\ntwo \n"  # type: ignore[arg-type]
    assert (job["target_resources"], job["job_specifics"]) == ("any", "<a> 1 </a>")
    assert [row["Name"] for row in page.rows("file-list")] == ["a.txt", "b c.bin"]
    (link,) = [link for link in page.links() if link.endswith("b%20c.bin") and "/repository/" in link]
    assert browser.get(f"https://localhost:{offered.port}{link}").answer.content == b"\x00\xff"


def test_the_form_asks_in_the_order_of_thought(offered: Grid) -> None:
    """First what is run and with what, then its name, then what it needs."""
    fields = Browser(offered).get("submit").tree.xpath("//form[@data-files]//*[@id]/@id")

    order = ["application", "input", "job_name", "labels", "not_on", "gpus"]
    assert [one for one in fields if one in order] == order


def test_targets_groups_and_access_are_chosen(offered: Grid) -> None:
    """Boxes for what resources announce and for the certificate's groups."""
    offered.resource("res2@cluster", "<vasp> </vasp>")
    browser = Browser(offered)
    form = browser.get("submit")
    boxes = form.tree.xpath("//input[@type='checkbox']/@value")

    browser.send(
        "submit",
        {
            **form.fields(),
            "application": "vasp",
            "target_resources": ["res2@cluster"],
            "groups": ["mark@laptop", "cyttron"],
            "read_access": "x, y",
            "write_access": "z",
        },
    )

    (job,) = offered.rows("SELECT * FROM job_queue")
    assert boxes == ["res1@cluster", "res2@cluster", "1", "1", "1", "mark@laptop", "theor", "cyttron"]
    assert form.tree.xpath("//select[@id='application']/option/text()") == [
        "Choose one",
        "hello_world",
        "vasp",
    ]
    assert (job["target_resources"], job["owners"]) == ("res2@cluster", "mark@laptop, cyttron")
    assert (job["read_access"], job["write_access"]) == ("admin, mark@laptop, x, y", "admin, mark@laptop, z")


@pytest.mark.parametrize(
    ("wrong", "said", "field"),
    [
        ({"application": ""}, "application is missing", "application"),
        ({"application": "other"}, "No resource of the project offers", "application"),
        ({"job_specifics": "<a>"}, "not acceptable XML", "job_specifics"),
        ({"job_specifics": "<daemon_reference> x </daemon_reference>"}, "is reserved", "job_specifics"),
        ({"groups": "chem"}, "groups is missing", "groups"),
        ({"input": "x" * 65356}, "65356 bytes, at most 65355", "input"),
        ({"read_access": "x" * 300}, "read_access is too big", "read_access"),
        ({"target_resources": "nobody"}, "None of the target resources", "target_resources"),
    ],
)
def test_a_refused_form_says_why_and_keeps_what_was_typed(
    offered: Grid, wrong: dict[str, str], said: str, field: str
) -> None:
    """The limits are the calls'; the field at fault is marked; nothing was stored."""
    typed = {"application": "vasp", "input": "kept <b>", "job_specifics": "<k> 1 </k>", "groups": "theor"}

    before = everything(offered)

    page = Browser(offered).fill("submit", files=[("files", ("a", b"x"))], **(typed | wrong))

    assert page.status == 400
    assert said in " ".join(page.tree.xpath("//*[@role='alert']//text()"))
    assert (
        page.tree.xpath("//*[@aria-invalid='true']/@name | //fieldset[@aria-invalid]//input[1]/@name")[0]
        == field
    )
    if field != "input":
        assert page.tree.xpath("//textarea[@id='input']/text()") == ["\nkept <b>"]
    assert everything(offered) == before


def test_a_job_gets_the_name_and_labels_of_the_form(offered: Grid) -> None:
    """One label a line; a wrong one is refused at its field, with what was typed."""
    browser = Browser(offered)
    form = {"application": "hello_world", "job_name": "sweep"}

    browser.fill("submit", **form, labels="kind=md\r\nT=300")
    refused = browser.fill("submit", **form, labels="T")

    (row,) = offered.rows("SELECT job_name, labels FROM job_queue")
    assert dict(row) == {"job_name": "sweep", "labels": "T=300\nkind=md"}
    assert refused.tree.xpath("//*[@aria-invalid='true']/@name") == ["labels"]
    assert "the label 'T' is not written as KEY=VALUE" in refused.text


def test_a_job_is_held_and_released_on_its_page(offered: Grid) -> None:
    """By buttons that those have who may change it; the page says who holds it, and lists show it as held."""
    job_id = offered.user().submit(read_access="eve@laptop")
    browser, reader = Browser(offered), Browser(offered, "eve@laptop", ("x",))

    held = browser.fill(f"jobs/{job_id}", f"jobs/{job_id}/hold")
    listed = browser.get("jobs")
    released = browser.fill(f"jobs/{job_id}", f"jobs/{job_id}/release")

    assert "by user mark@laptop since" in held.text
    assert [row["State"] for row in listed.rows()] == ["held"]
    assert "by user mark@laptop since" not in released.text
    assert not reader.get(f"jobs/{job_id}").tree.xpath("//form[contains(@action, 'hold')]")
    assert offered.rows("SELECT lock_state FROM job_queue") == [{"lock_state": 0}]


def test_a_user_who_may_not_submit_is_told_so(offered: Grid) -> None:
    """The project's rules are the calls': here no rule allows anything."""
    offered.run("DELETE FROM users_allowed")

    page = Browser(offered).fill("submit", application="vasp")

    assert page.status == 400
    assert "no rule allows vasp" in page.text


def test_a_form_that_is_sent_twice_makes_one_job(offered: Grid) -> None:
    """An impatient hand, or a browser that lost the answer."""
    browser = Browser(offered)
    fields = {**browser.get("submit").fields(), "application": "vasp"}

    pages = [browser.send("submit", fields) for _ in range(2)]

    assert len(offered.rows("SELECT * FROM job_queue")) == 1
    assert pages[0].path == pages[1].path


def test_a_job_can_be_submitted_again_like_another(offered: Grid) -> None:
    """Application, input and specifics, without what the daemon added; only of a job one may read."""
    kept = {"job_name": "sweep", "priority": "7", "deadline": "4070908800", "retries": "3"}
    job_id = offered.user().submit(application="vasp", input="41420A", job_specifics="<a> 1 </a>", **kept)
    taken = "<a> 1 </a> <daemon_reference> abc </daemon_reference>"
    offered.set_job(job_id, state="finished", job_specifics=taken)

    fields = Browser(offered).get(f"submit?like={job_id}").fields()

    assert (fields["application"], fields["job_specifics"].strip()) == ("vasp", "<a> 1 </a>")
    assert fields["input"].strip() == "AB"
    assert fields["labels"].strip() == f"resubmitted_from={job_id}"
    assert {name: fields[name] for name in kept} == kept | {"deadline": "2099-01-01T00:00"}
    assert Browser(offered, "other@laptop", ("x",)).get(f"submit?like={job_id}").status == 404


def test_an_input_that_is_no_text_is_not_taken_for_some(offered: Grid) -> None:
    """The form for a similar job says what is not copied: binary input."""
    job_id = offered.user().submit(input="FF00FE41")

    page = Browser(offered).get(f"submit?like={job_id}")

    assert page.fields()["input"].strip() == ""
    assert "Its input is no text and is left out." in page.text


@pytest.mark.parametrize("takes_files", [True, False])
def test_a_job_like_another_gets_its_files(offered: Grid, tmp_path: Path, takes_files: bool) -> None:
    """Unless that box is cleared; a file that is chosen too replaces one of the same name."""
    (tmp_path / "a.txt").write_text("old")
    (tmp_path / "b.txt").write_text("old b")
    job_id = offered.user().submit((tmp_path / "a.txt", tmp_path / "b.txt"))
    browser = Browser(offered)
    form = browser.get(f"submit?like={job_id}").fields()
    if not takes_files:
        form.pop("with_files")

    page = browser.send("submit", form, files=[("files", ("a.txt", b"new"))])

    assert [row["Name"] for row in page.rows("file-list")] == (
        ["a.txt", "b.txt"] if takes_files else ["a.txt"]
    )
    (name,) = [link for link in page.links() if link.endswith("a.txt") and "/repository/" in link]
    assert browser.get(f"https://localhost:{offered.port}{name}").answer.content == b"new"


def test_a_refused_form_keeps_whose_files_it_is_for(offered: Grid) -> None:
    """So that they are not lost with the second attempt."""
    job_id = offered.user().submit()
    browser = Browser(offered)
    form = browser.get(f"submit?like={job_id}").fields()

    page = browser.send("submit", {**form, "labels": "wrong"})

    assert page.status == 400
    assert (page.fields()["like"], page.fields()["with_files"]) == (str(job_id), "1")


def test_the_files_of_a_job_that_one_may_not_read_are_not_to_be_had(offered: Grid) -> None:
    """Also when its number is written into the form."""
    job_id = offered.user().submit()
    browser = Browser(offered, "other@laptop", ("x",))
    form = browser.get("submit").fields()

    page = browser.send("submit", {**form, "application": "vasp", "like": str(job_id), "with_files": "1"})

    assert page.status in {400, 404}
    assert len(offered.rows("SELECT job_id FROM job_queue")) == 1


def test_a_project_that_offers_nothing_takes_no_jobs(grid: Grid) -> None:
    """The page has no form for a submit then."""
    page = Browser(grid).get("submit")

    assert "No resource of the project offers an application now" in page.text
    assert page.tree.forms == []


@pytest.mark.parametrize(
    ("state", "word", "after"), [("queued", "Delete", None), ("running", "Abort", "aborting")]
)
def test_a_job_is_deleted_or_aborted_after_a_question(
    offered: Grid, state: str, word: str, after: str | None
) -> None:
    """The question changes nothing; the form deletes the job with its files, or has it aborted."""
    kept, job_id = offered.user().submit(), offered.user().submit()
    offered.set_job(job_id, state=state)
    browser = Browser(offered)

    question = browser.get(f"jobs/{job_id}/delete")
    asked = offered.rows("SELECT state FROM job_queue WHERE job_id = %s", job_id)
    done = browser.fill(f"jobs/{job_id}/delete")

    assert f"{word} job {job_id}?" in question.text
    assert asked == [{"state": state}]
    left = offered.rows("SELECT state FROM job_queue WHERE job_id = %s", job_id)
    assert [row["state"] for row in left] == ([after] if after else [])
    assert "is deleted" not in browser.get(f"jobs?deleted={kept}").text
    assert (f"Job {job_id} is deleted." if after is None else f"Job {job_id} aborting") in done.text


def test_files_are_added_replaced_and_deleted(offered: Grid) -> None:
    """Users who may change the job can do so; a deletion asks for confirmation."""
    job_id = offered.user().submit()
    browser = Browser(offered)

    browser.fill(f"jobs/{job_id}", "/files", files=[("files", ("a", b"1")), ("files", ("b", b"2"))])
    page = browser.fill(f"jobs/{job_id}", "/files", files=[("files", ("a", b"three"))])
    question = browser.get(f"jobs/{job_id}/files/delete?name=b")
    left = browser.fill(f"jobs/{job_id}/files/delete?name=b")

    assert [(row["Name"], row["Size"]) for row in page.rows("file-list")] == [("a", "5 B"), ("b", "1 B")]
    assert "b is removed" in question.text
    assert [row["Name"] for row in left.rows("file-list")] == ["a"]
    assert browser.get(f"jobs/{job_id}/files/delete?name=b").status == 404
    assert "has no file ''" in browser.get(f"jobs/{job_id}/files/delete").text


@pytest.mark.parametrize("name", [" a", "a ", "a?b#c&d%2e", "\u202egpj.exe", '"><img src=x onerror=a()>'])
def test_a_file_of_any_name_is_fetched_and_deleted_by_its_links(offered: Grid, name: str) -> None:
    """Blanks, signs of addresses, of markup and of the direction of writing are parts of a name."""
    job_id = offered.user().submit()
    browser = Browser(offered)
    page = browser.fill(f"jobs/{job_id}", "/files", files=[("files", (name, b"its bytes"))])
    links = [str(link) for link in page.tree.xpath("//section[@id='file-list']//table//a/@href")]
    place, shown, question = links
    base = offered.url.removesuffix("/LGI")

    fetched = browser.get(base + place).answer
    text = browser.get(base + shown).tree.xpath("//pre/text()")
    left = browser.fill(base + question)

    assert fetched.content == b"its bytes"
    assert text == ["\nits bytes"]
    assert fetched.headers["Content-Type"] == "application/octet-stream"
    assert fetched.headers["Content-Disposition"].startswith("attachment;")
    assert left.rows("job-history")[0].get("State") == "queued"


@pytest.mark.parametrize("name", [".LGI_repository_write_access", "../x", ""])
def test_a_file_with_an_unusable_name_is_refused(offered: Grid, name: str) -> None:
    """LGI's own, those that lead elsewhere, and none at all; the access file is not listed."""
    job_id = offered.user().submit()
    browser = Browser(offered)

    page = browser.fill(f"jobs/{job_id}", "/files", files=[("files", (name, b"any"))])

    assert page.status == 400
    assert "There are none" in browser.get(f"jobs/{job_id}").text


CHANGES: dict[str, tuple[str, str, dict[str, str]]] = {
    "delete": ("jobs/{}/delete", "jobs/{}/delete", {}),
    "add a file": ("jobs/{}", "jobs/{}/files", {}),
    "delete a file": ("jobs/{}/files/delete?name=a", "jobs/{}/files/delete", {"name": "a"}),
    "submit": ("submit", "submit", {"application": "vasp"}),
}


FORGERIES = ["no token", "another token", "no cookie", "another user's", "from elsewhere", "GET"]


def everything(grid: Grid) -> list[object]:
    """All that a change could change."""
    files = sorted(str(path) for path in grid.config.repository.rglob("*"))
    return [grid.rows("SELECT * FROM job_queue"), grid.rows("SELECT * FROM running_locks"), files]


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize(
    "forgery", ["no token", "another token", "no cookie", "another user's", "from elsewhere", "GET"]
)
def test_no_change_is_made_without_a_form_of_the_server(offered: Grid, change: str, forgery: str) -> None:
    """LGI error 66: a token of this browser's session, which no other site can send or know."""
    form, target, fields = CHANGES[change]
    job_id = offered.user().submit()
    browser, other = Browser(offered), Browser(offered, "other@laptop", ("x",))
    Browser(offered).fill(f"jobs/{job_id}", "/files", files=[("files", ("a", b"1"))])
    sent = {**browser.get(form.format(job_id)).fields(target.format(job_id)), **fields}
    before = everything(offered)
    headers, files = FROM_OURS, [("files", ("b", b"2"))]
    match forgery:
        case "no token":
            del sent["token"]
        case "another token":
            sent["token"] = "0" * 64
        case "no cookie":
            browser.session.cookies.clear()
        case "another user's":
            sent["token"] = other.get("submit").fields()["token"]
        case "from elsewhere":
            headers = ELSEWHERE
    address = target.format(job_id)

    if forgery == "GET":
        query = "&".join(f"{name}={value}" for name, value in sent.items())
        page = browser.get(f"{address}?{query}")
    else:
        page = browser.send(address, sent, files, headers)

    assert everything(offered) == before
    assert page.status in ({200, 404, 405} if forgery == "GET" else {400, 403})


def test_a_token_is_of_one_certificate(offered: Grid) -> None:
    """A cookie that another certificate shows opens nothing: it gets a session of its own."""
    job_id = offered.user().submit()
    mark, other = Browser(offered), Browser(offered, "mark@laptop", ("theor",))
    fields = mark.get(f"jobs/{job_id}/delete").fields()
    other.session.cookies.update(mark.session.cookies)

    page = other.send(f"jobs/{job_id}/delete", fields)

    assert page.status == 403
    assert len(offered.rows("SELECT * FROM job_queue")) == 1


@pytest.mark.parametrize("path", ["", "/delete", "/input", "/output", "/files/delete?name=a"])
def test_a_job_of_others_is_not_there(offered: Grid, path: str) -> None:
    """Exactly as one that never was: who may not read a job does not learn that there is one."""
    job_id = offered.user().submit()
    other = Browser(offered, "other@laptop", ("x",))

    seen, never = other.get(f"jobs/{job_id}{path}"), other.get(f"jobs/{job_id + 1000}{path}")

    assert seen.status == never.status == 404
    assert seen.text.replace(f"job {job_id}", "job N") == never.text.replace(f"job {job_id + 1000}", "job N")
    assert "job N" in seen.text.replace(f"job {job_id}", "job N")


@pytest.mark.parametrize("change", ["delete", "add a file", "delete a file"])
def test_a_user_who_may_only_read_a_job_changes_nothing(offered: Grid, change: str) -> None:
    """No buttons are shown, and what is posted all the same is refused: LGI error 35."""
    _, target, fields = CHANGES[change]
    job_id = offered.user().submit(read_access="other@laptop")
    browser = Browser(offered, "other@laptop", ("x",))
    page = browser.get(f"jobs/{job_id}")
    token = browser.get("submit").fields()["token"]
    before = everything(offered)

    files = [("files", ("b", b"2"))] if change == "add a file" else []
    refused = browser.send(target.format(job_id), {"token": token, **fields}, files)

    assert page.tree.xpath("//form") == []
    assert not [link for link in page.links() if "delete" in link]
    assert (refused.status, everything(offered)) == (403, before)
    assert browser.get(f"jobs/{job_id}/delete").status == 403


def test_administrators_may_change_every_job(offered: Grid) -> None:
    """As with calls, their group counts as a name in every access list."""
    job_id = offered.user().submit()

    Browser(offered, "root@admin", ("admin",)).fill(f"jobs/{job_id}/delete")

    assert offered.rows("SELECT * FROM job_queue") == []


def test_a_job_that_is_tried_again_shows_its_tries(offered: Grid) -> None:
    """Its page has how each ended, what it used and its last output; the form of one like it has its plan."""
    browser = Browser(offered)
    fields = {"application": "hello_world", "retries": "2", "retry_on": "exit 1-9", "backoff": "0"}
    job_id = int(browser.fill("submit", **fields).path.split("/")[1])

    fail_by_cycle(offered, job_id, End(3), b"no <b>luck</b>\n")
    offered.run("UPDATE job_tries SET peak_memory = %s", 2**30)
    page = browser.get(f"jobs/{job_id}")

    assert "Memory: 1 GB." in page.tree.xpath("string(//main//details/p)")
    (summary,) = page.tree.xpath("//section[@aria-labelledby='tries-title']//summary")
    (output,) = page.tree.xpath("//pre[@id='try-1']")
    assert summary.text_content() == "Try 1: finished, exit code 3"
    assert output.text_content().strip() == "no <b>luck</b>"
    form = browser.get(f"submit?like={job_id}").fields()
    assert [form[name] for name in ("retries", "retry_on", "backoff")] == ["2", "exit 1-9", "0"]


def test_a_rule_for_retries_that_makes_no_sense_is_named_in_the_form(offered: Grid) -> None:
    """What was typed is still there, and the field is marked."""
    browser = Browser(offered)

    page = browser.fill("submit", application="hello_world", retries="1", retry_on="exit 0")

    (field,) = page.tree.xpath("//*[@aria-invalid='true']/@name")
    assert (page.status, field) == (400, "retry_on")
    assert page.fields()["retry_on"] == "exit 0"
    assert offered.rows("SELECT * FROM job_queue") == []
