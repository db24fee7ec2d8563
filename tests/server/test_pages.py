"""What the pages of the web interface show (clients.md 8; rows WB01-WB09)."""

import re

import pytest
import requests

from lgi_server.app import create_app
from lgi_server.basic_interface import charts, filters
from lgi_server.public import documents
from tests.support import running_jobs
from tests.support.grid import Grid
from tests.support.pages import Browser, Page, register

PAGES = ["", "jobs", "submit", "resources", "servers", "usage", "certificate"]


def job_with(grid: Grid, **columns: object) -> int:
    """A job of mark's that a resource has filled with something."""
    grid.resource()
    job_id = grid.user().submit()
    grid.set_job(job_id, **columns)
    return job_id


def test_the_menu_opens_already_identified_with_a_certificate(grid: Grid) -> None:
    """No log-in: the address without a project leads to the project, which knows user and groups."""
    page = Browser(grid).get(f"{grid.url}/basic_interface/")

    assert (page.status, page.path) == (200, "")
    assert page.text.startswith("Project LGI")
    assert "You are mark@laptop Groups of your jobs theor, cyttron" in page.text
    assert grid.url in page.text
    assert {f"/LGI/basic_interface/LGI/{name}" for name in PAGES[1:]} <= set(
        page.tree.xpath("//nav//a/@href")
    )


@pytest.mark.parametrize("path", PAGES)
def test_every_page_opens_in_an_empty_project(grid: Grid, path: str) -> None:
    """Each has its own title and one main heading, and the menu marks it."""
    page = Browser(grid).get(path)

    assert page.status == 200
    assert page.tree.findtext(".//title").endswith(" - LGI")
    assert len(page.tree.xpath("//h1")) == 1
    assert len(page.tree.xpath("//nav//*[@aria-current]")) == (0 if path == "" else 1)


def test_the_menu_counts_jobs_by_state_and_links_to_them(grid: Grid) -> None:
    """Own jobs, those that finished by result; an aborted one has not failed. Others' stay out."""
    grid.resource()
    good, bad, aborted, unknown, _queued = (grid.user().submit() for _ in range(5))
    of_others = grid.user("other@laptop", ("x",)).submit(read_access="any, mark@laptop")
    for job_id, code in ((good, 0), (bad, 3), (of_others, 4), (unknown, None)):
        grid.set_job(job_id, state="finished", exit_code=code)
    grid.set_job(aborted, state="aborted", exit_signal=15)

    page = Browser(grid).get()

    ended = "1 succeeded 1 failed 1 exit code unknown 0 aborting 1 aborted"
    assert f"1 queued 0 running {ended}" in page.text
    (link,) = [one for one in page.links() if "state=finished&ended=failed" in one]
    listed = Browser(grid).get(f"https://localhost:{grid.port}{link}").rows()
    assert [row["Job"].split()[0] for row in listed] == [str(bad)]


def test_a_job_is_shown_with_everything(grid: Grid) -> None:
    """State, application, targets, owners, access, input and output as text, specifics, files."""
    job_id = job_with(
        grid, state="finished", input=b"in\n", output="héllo\n".encode(), job_specifics="<a> 1 </a>"
    )

    page = Browser(grid).get(f"jobs/{job_id}")

    assert f"Job {job_id} finished" in page.text
    assert [pre.text for pre in page.tree.xpath("//pre[not(@data-copy)]")] == [
        "\nhéllo\n",
        "\nin\n",
        "\n<a> 1 </a>",
    ]
    for shown in ("hello_world", "User mark@laptop Groups theor", "May read it admin, mark@laptop"):
        assert shown in page.text


def test_data_that_is_no_text_is_shown_as_hexadecimal_digits(grid: Grid) -> None:
    """The page has offsets and printable characters; the download has the bytes."""
    data = b"\x00\x01ABC<\xff" + bytes(range(256)) * 20
    job_id = job_with(grid, state="finished", output=data)
    browser = Browser(grid)

    page, download = browser.get(f"jobs/{job_id}"), browser.get(f"jobs/{job_id}/output").answer

    (dump,) = page.tree.xpath("//pre[@class='hex']/text()")
    assert dump.strip().startswith("000000  00 01 41 42 43 3c ff")
    assert "..ABC<." in dump
    assert "Only the beginning is shown" in page.text
    assert download.content == data
    assert download.headers["Content-Type"] == "application/octet-stream"
    assert download.headers["Content-Disposition"].startswith("attachment;")


def test_a_long_text_is_cut_between_characters(grid: Grid) -> None:
    """It stays a text when its 65,536th byte is in the middle of a letter."""
    job_id = job_with(grid, state="finished", output=b"x" + "é".encode() * 32700)

    page = Browser(grid).get(f"jobs/{job_id}")

    assert page.tree.xpath("//pre[@class='hex']") == []
    assert "Only the beginning" not in page.text
    assert "é" * 30000 in page.text


def test_signs_that_turn_or_hide_text_are_made_visible(grid: Grid) -> None:
    """A right-to-left override, an escape sequence and a bell cannot change the text around them."""
    job_id = job_with(grid, state="finished", output="a\u202eb\x1b[31mc\x07\td".encode())

    (text,) = [pre.text for pre in Browser(grid).get(f"jobs/{job_id}").tree.xpath("//pre[not(@data-copy)]")]

    assert text == "\na[U+202E]b\u241b[31mc\u2407\td"


HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=y>{{9*'x'}}"


def test_hostile_text_stays_text_everywhere(grid: Grid) -> None:
    """Output, input, specifics, states, targets, owners, file names, capabilities, servers' addresses."""
    grid.resource("res1@cluster", "<hello_world> </hello_world> <b> &lt;script&gt; </b>")
    job_id = grid.user().submit()
    for column in ("state", "application", "target_resources", "owners", "input", "output", "job_specifics"):
        grid.set_job(job_id, **{column: HOSTILE.encode() if column in {"input", "output"} else HOSTILE})
    (row,) = grid.rows("SELECT repository FROM job_queue")
    name = str(row["repository"])
    (grid.config.repository / name[-3:] / name / HOSTILE.replace("/", "|")).write_text("x")
    grid.run("UPDATE active_resources SET url = %s WHERE project_server = 1", f"javascript:{HOSTILE}")
    grid.run("UPDATE active_resources SET resource_capabilities = %s WHERE project_server = 0", HOSTILE)
    browser = Browser(grid, "root@admin", ("admin",))

    of_job = (f"jobs/{job_id}", f"jobs/{job_id}/delete", f"submit?like={job_id}")
    of_job += (f"jobs/{job_id}/files/view?name={HOSTILE.replace('/', '|')}", "resources/res1@cluster")
    lists = ("jobs", "jobs?whose=all", f"jobs?q={HOSTILE}", f"jobs?state={HOSTILE}&application={HOSTILE}")
    for path in (*PAGES, *of_job, *lists, "administration"):
        page = browser.get(path)
        assert page.status in {200, 404}, path
        for script in page.tree.xpath("//script"):
            assert str(script.get("src")).startswith("/LGI/static/"), path
        assert page.tree.xpath("//img[@onerror]") == [], path
        assert page.tree.xpath("//a[starts-with(@href, 'javascript:')]") == [], path
        assert "xxxxxxxxx" not in page.text, path


def test_no_page_has_script_or_style_in_it(grid: Grid) -> None:
    """So the policy needs no exception: default-src none, only our own files, and no frames."""
    job_id = job_with(grid, state="finished")
    browser = Browser(grid)

    for path in (*PAGES, f"jobs/{job_id}", f"jobs/{job_id}/delete", "none", f"{grid.url}/"):
        page = browser.get(path)
        policy = page.answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert page.answer.headers["X-Content-Type-Options"] == "nosniff"
        assert page.answer.headers["Referrer-Policy"] == "no-referrer"
        assert page.answer.headers["Cache-Control"] == "no-store"
        assert page.tree.xpath("//style | //script[text()] | //*[@style] | //@onclick | //@onload") == []


def test_times_carry_what_a_script_needs_to_localize_them(grid: Grid) -> None:
    """A time element, which without JavaScript says UTC."""
    job_id = job_with(grid, state_time_stamp=1000000000)

    page = Browser(grid).get(f"jobs/{job_id}")

    assert set(page.tree.xpath("//dl//time/@datetime")) == {"2001-09-09T01:46:40Z"}
    assert set(page.tree.xpath("//dl//time/text()")) == {"2001-09-09 01:46:40 UTC"}


def test_a_job_says_what_has_happened_to_it(grid: Grid) -> None:
    """The page has each change of state with time and author; that of a deleted job is for its owner only."""
    resource, user = grid.resource(), grid.user()
    job_id = user.submit()
    running_jobs.take(grid, resource)
    resource.lock(str(job_id))
    resource.update(str(job_id), state="finished")
    resource.unlock(str(job_id))

    def history(page: Page) -> list[tuple[str, str]]:
        return [(row["State"], row["By"]) for row in page.rows()]

    steps = [
        ("queued", "user mark@laptop"),
        ("running", "resource res1@cluster"),
        ("finished", "resource res1@cluster"),
    ]
    assert history(Browser(grid).get(f"jobs/{job_id}")) == steps
    user.delete(job_id)
    gone = Browser(grid).get(f"jobs/{job_id}")
    assert (gone.status, history(gone)) == (404, [*steps, ("deleted", "user mark@laptop")])
    assert history(Browser(grid, "other@laptop", ("x",)).get(f"jobs/{job_id}")) == []


def test_a_queued_job_says_why_it_waits(grid: Grid) -> None:
    """The page has the text of the call interface_explain_job."""
    grid.resource()
    grid.user().submit()
    job_id = grid.user().submit(target_resources="res1@cluster")
    grid.run("UPDATE active_resources SET resource_capabilities = '' WHERE project_server = 0")

    page = Browser(grid).get(f"jobs/{job_id}")

    assert (
        "It waits: no resource offers its application now. 1 job of hello_world comes before it." in page.text
    )


def test_a_queued_job_names_the_resources_that_take_no_jobs_now(grid: Grid) -> None:
    """The reason of each is shown as escaped text."""
    closed = "&lt;unavailable&gt; no squeue &amp;lt;b&amp;gt; &lt;/unavailable&gt;"
    grid.resource("res1@cluster", f"<hello_world> {closed} </hello_world>")
    job_id = grid.user().submit()

    page = Browser(grid).get(f"jobs/{job_id}")

    assert "It waits: the resources that could take it say that they take no jobs" in page.text
    assert "res1@cluster takes no such jobs now: no squeue <b>" in page.text


def test_resources_show_what_they_offer_run_and_when_they_called(grid: Grid) -> None:
    """Site tags of the capabilities can be unfolded; one that was silent for long is marked."""
    grid.resource("busy@cluster", "<hello_world> <version> 2 </version> </hello_world> <vasp> </vasp>")
    register(grid, "silent@cluster", 1)
    job_id = grid.user().submit()
    grid.set_job(job_id, state="running", target_resources="busy@cluster")

    busy, silent = Browser(grid).get("resources").rows()

    assert busy["Name"] == "busy@cluster"
    assert busy["Offers"].startswith("hello_world, vasp")
    assert "<version> 2 </version>" in busy["Offers"]
    assert busy["Runs now"] == "1 × hello_world"
    assert "silent" in silent["Called last"]
    assert "silent" not in busy["Called last"]


def test_a_resource_that_takes_no_jobs_now_is_shown_with_its_reason(grid: Grid) -> None:
    """Its own word, of each application by itself; signs that would turn the text are made visible."""
    closed = "&lt;unavailable&gt; squeue\u202e fails &lt;/unavailable&gt;"
    grid.resource("res1@cluster", f"<hello_world> {closed} </hello_world> <vasp> </vasp>")

    (row,) = Browser(grid).get("resources").rows()

    assert "no jobs of hello_world now: squeue[U+202E] fails" in row["Offers"]
    assert "no jobs of vasp" not in row["Offers"]


def test_servers_are_listed_with_links_to_their_interfaces(grid: Grid) -> None:
    """The master, this one, and slaves; a link carries the project and nothing secret."""
    register(grid, "slave@slave.example", 1, role=2)

    page = Browser(grid).get("servers")

    assert [(row["Name"], row["Role"]) for row in page.rows()] == [
        ("LGI@localhost this one", "master"),
        ("slave@slave.example", "slave"),
    ]
    assert "https://slave.example/LGI/basic_interface/index.php?project=LGI" in page.links()


def test_the_certificate_page_says_who_one_is(grid: Grid) -> None:
    """Name, groups, projects, when it ends, and its serial number."""
    page = Browser(grid, "mark@laptop", ("theor",)).get("certificate")

    assert "User mark@laptop Groups mark@laptop, theor Projects any Valid from" in page.text
    assert re.search(r"Valid until \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC \(\d+ days\)", page.text)


def test_usage_is_drawn_by_the_server(grid: Grid) -> None:
    """Charts in SVG whose numbers are also there in words."""
    job_id = job_with(grid)
    grid.user().submit()
    grid.set_job(job_id, state="finished")

    page = Browser(grid).get("usage")

    first, second, *_ = [" ".join(text.text.split()) for text in page.tree.xpath("//svg/desc")]
    assert first == "hello_world: 2 (1 queued, 1 finished)."
    assert second.endswith(": 1.")


def test_a_job_with_very_much_to_tell_has_a_page_of_some_size(grid: Grid) -> None:
    """The first and last of very many changes, the first of very many files, and how many more there are."""
    job_id = job_with(grid)
    (row,) = grid.rows("SELECT repository FROM job_queue WHERE job_id = %s", job_id)
    place = grid.config.repository / str(row["repository"])[-3:] / str(row["repository"])
    for number in range(filters.MOST_FILES + 7):
        (place / f"file{number:04}").touch()
    grid.run(
        "INSERT INTO job_history (job_id, change_time, old_state, new_state, changed_by, reason, application,"
        " owners, target_resources)"
        " WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 900)"
        " SELECT %s, i, 'step', 'step', 'resource x', i, 'a', 'b', 'c' FROM n",
        job_id,
    )

    page = Browser(grid).get(f"jobs/{job_id}")

    changes = page.tree.xpath("//section[contains(., 'History')]//tr/td[@data-label='Why']/text()")
    assert (len(changes), changes[-1]) == (2 * filters.MOST_CHANGES, "900")
    assert len(page.rows("file-list")) == filters.MOST_FILES
    assert f"{900 - 2 * filters.MOST_CHANGES} more, which LGI_history shows." in page.text
    assert "7 more, which LGI_filetransfer lists." in page.text


def test_usage_shows_what_was_used_by_month(grid: Grid) -> None:
    """One's own: runs and hours, by application and resource."""
    for name, seconds in (("mark@laptop", 5400), ("other@laptop", 7200)):
        grid.run(
            "INSERT INTO job_usage (month, kind, name, application, resource, jobs, seconds)"
            " VALUES (202611, 'user', %s, 'vasp', 'res1@cluster', 3, %s)",
            name,
            seconds,
        )

    page = Browser(grid).get("usage")

    assert page.rows() == [
        {"Month": "2026-11", "Application": "vasp", "Resource": "res1@cluster", "Runs": "3", "Hours": "1.5"}
    ]
    assert [desc.text.strip() for desc in page.tree.xpath("//svg/desc")] == ["2026-11: 2."]
    _, _, width, height = map(int, page.tree.xpath("//svg[desc]/@viewbox")[0].split())
    assert width > 3 * height


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        (0, "0"),
        (999, "999"),
        (1000, "1.0k"),
        (9949, "9.9k"),
        (9951, "10k"),
        (999_499, "999k"),
        (999_501, "1.0M"),
    ],
)
def test_a_number_fits_above_its_column(number: int, shown: str) -> None:
    """At most four signs: columns are narrow on a telephone."""
    assert charts.short(number) == shown


def test_an_address_that_leads_nowhere_says_so(grid: Grid) -> None:
    """Pages, projects and jobs that are not there: 404, in the same clothes."""
    browser = Browser(grid)

    strange = ("nothing", "jobs/77", "jobs/x", f"jobs/{2**63}", f"jobs/{2**63}/output")
    for path in (*strange, f"{grid.url}/basic_interface/Other/jobs"):
        page = browser.get(path)
        assert page.status == 404
        assert page.tree.xpath("//link[@rel='stylesheet']")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("index.php?project=LGI&groups=theor&sid=1", ""),
        ("basic_interface_list.php?project_server=1", "servers"),
        ("basic_interface_list.php", "resources"),
        ("basic_interface_job_state.php?job_id=5&sid=abc", "jobs/5"),
        (
            "basic_interface_job_state.php?state=queued&application=vasp&start=128",
            "jobs?state=queued&application=vasp",
        ),
        ("basic_interface_job_state.php", "jobs"),
        ("basic_interface_delete_job.php?job_id=5", "jobs/5/delete"),
        ("basic_interface_submit_job_form.php", "submit"),
        ("basic_interface_submit_job_action.php", "submit"),
    ],
)
def test_an_old_address_leads_to_the_right_page(grid: Grid, old: str, new: str) -> None:
    """Those of LGI 1.31; what stood behind sid is dropped."""
    answer = Browser(grid).get(f"{grid.url}/basic_interface/{old}", follow=False).answer

    assert (answer.status_code, answer.headers["Location"]) == (303, f"/LGI/basic_interface/LGI/{new}")


@pytest.mark.parametrize("path", ["", "/LGI"])
def test_a_missing_slash_leads_nowhere_else(grid: Grid, path: str) -> None:
    """The redirect does not depend on the host name in the request, since front ends have other names."""
    page = Browser(grid).get(f"{grid.url}/basic_interface{path}?a=b", follow=False, Host="elsewhere.example")

    assert page.answer.headers["Location"] == f"/LGI/basic_interface{path}/?a=b"


def test_all_readers_of_a_document_share_its_bytes(grid: Grid) -> None:
    """Anybody may open many connections and read none of the pages."""
    app = create_app(grid.config)
    with app.test_request_context():
        pages = [app.make_response(app.view_functions["document"]("wire")) for _ in range(2)]

    one, other = (page.get_data() for page in pages)
    assert one.startswith(b"<!doctype html>")
    assert one is other


@pytest.mark.parametrize("name", documents.DOCUMENTS)
def test_a_document_is_for_everybody(grid: Grid, name: str) -> None:
    """Made from what comes with LGI; its links lead to the pages of others, none to a file."""
    page = Browser(grid).get(f"{grid.url}/documents/{name}")

    assert page.status == 200
    assert page.tree.xpath("//main//h1")
    links = [link for link in page.links() if ":" not in link and not link.startswith("#")]
    assert {link.partition("#")[0] for link in links} <= {*documents.DOCUMENTS, "./"}


def test_the_drawings_of_a_document_are_for_everybody(grid: Grid) -> None:
    """They need no certificate, as the page that shows them; no other file is served."""
    page = Browser(grid).get(f"{grid.url}/documents/architecture")
    drawings = [str(address) for address in page.tree.xpath("//main//img/@src")]
    nobody = requests.Session()
    nobody.trust_env = False
    nobody.verify = str(grid.people.authority.ca_file)

    assert len(drawings) == 4
    for address in drawings:
        answer = nobody.get(f"{grid.url}/documents/{address}", timeout=20)
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, "image/svg+xml; charset=utf-8")
    assert nobody.get(f"{grid.url}/documents/drawings/..%2fwire.md", timeout=20).status_code == 404


def test_a_link_to_a_part_of_a_document_leads_to_its_heading(grid: Grid) -> None:
    """Within a page and to others: each heading has the name that links use."""
    page = Browser(grid).get(f"{grid.url}/documents/setup")
    fragments = {link for link in page.links() if link.startswith("administrator_guide#")}
    other = Browser(grid).get(f"{grid.url}/documents/administrator_guide")

    assert fragments
    assert {link.partition("#")[2] for link in fragments} <= set(other.tree.xpath("//main//*/@id"))


def test_a_former_address_of_a_document_leads_to_it(grid: Grid) -> None:
    """Whoever has noted an address finds the page under its present name."""
    for former, name in documents.FORMER.items():
        page = Browser(grid).get(f"{grid.url}/documents/{former}", follow=False)

        assert page.status == 303
        assert page.answer.headers["Location"] == f"/LGI/documents/{name}"
        assert name in documents.DOCUMENTS


def test_other_documents_do_not_exist(grid: Grid) -> None:
    """Only the listed documents are served: a name in the address is no path."""
    for name in ("none", "..%2fdocs%2fwire.md", "wire.md"):
        assert Browser(grid).get(f"{grid.url}/documents/{name}").status == 404


def test_the_landing_page_is_for_everybody(grid: Grid) -> None:
    """It links the CA's certificate and the web interface; its old address works too."""
    page = Browser(grid).get(f"{grid.url}/index.php")

    assert page.status == 200
    assert "Leiden Grid Infrastructure" in page.text
    assert f"{grid.url}/certificates/ca.crt" in page.links()
    assert "/LGI/basic_interface/" in page.links()
    assert "/LGI/documents/user_guide" in page.links()
