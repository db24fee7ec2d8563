"""Who gets into the web interface, and what a browser keeps of it."""

import hashlib
import time
from collections.abc import Iterator

import pytest
import requests

from lgi_server.services.access import web_sessions
from tests.support.grid import Grid, refusal, running
from tests.support.pages import FROM_OURS, Browser

COOKIE = "__Host-LGI_session"


def sessions(grid: Grid) -> list[str]:
    """The hashes of the open sessions."""
    return [str(row["session_hash"]) for row in grid.rows("SELECT session_hash FROM web_sessions")]


def test_a_cookie_is_kept_by_the_browser_alone(grid: Grid) -> None:
    """Secure, HttpOnly, SameSite=Strict, for this host only; the database has its SHA-256."""
    browser = Browser(grid)

    said = browser.get().answer.headers["Set-Cookie"]

    name, _, attributes = said.partition("; ")
    key = name.partition("=")[2]
    assert name.startswith(f"{COOKIE}=")
    assert set(attributes.split("; ")) == {"Secure", "HttpOnly", "Path=/", "SameSite=Strict"}
    assert sessions(grid) == [hashlib.sha256(key.encode()).hexdigest()]
    assert key not in browser.get("submit").answer.text


def test_a_session_lasts_from_page_to_page(grid: Grid) -> None:
    """The second page sets no other cookie, and the table has one row."""
    browser = Browser(grid)
    browser.get()

    assert "Set-Cookie" not in browser.get("jobs").answer.headers
    assert len(sessions(grid)) == 1


def test_a_session_that_nobody_uses_ends(grid: Grid) -> None:
    """After half a day; its use is noted, though not with every page; the row goes with the next new one."""
    browser = Browser(grid)
    browser.get()

    def used(ago: int) -> None:
        grid.run("UPDATE web_sessions SET last_used = %s", int(time.time()) - ago)

    used(1000)
    browser.get("jobs")
    (noted,) = grid.rows("SELECT last_used FROM web_sessions")
    used(web_sessions.IDLE_SECONDS + 10)

    assert int(str(noted["last_used"])) > time.time() - 60
    assert "Set-Cookie" in browser.get("jobs").answer.headers
    assert len(sessions(grid)) == 1


def test_a_browser_that_keeps_no_cookies_fills_no_table(grid: Grid) -> None:
    """Only the newest sessions of a certificate are kept."""
    browser = Browser(grid)
    for _ in range(web_sessions.MOST_EACH + 3):
        browser.session.cookies.clear()
        browser.get("servers")

    assert len(sessions(grid)) == web_sessions.MOST_EACH


def test_a_link_of_another_site_does_not_cost_the_session(grid: Grid) -> None:
    """It comes without the cookie. The answer, which is no page yet, asks for itself and sets nothing."""
    browser = Browser(grid)

    page = browser.get("jobs", Sec_Fetch_Site="cross-site")

    assert page.tree.xpath("//meta[@http-equiv='refresh']/@content") == ["0"]
    assert "Set-Cookie" not in page.answer.headers
    assert sessions(grid) == []


def test_a_person_without_a_certificate_is_told_what_to_do(grid: Grid) -> None:
    """The page shows nothing of the project; a program gets error 2."""
    anonymous = requests.Session()
    anonymous.trust_env, anonymous.verify = False, str(grid.people.authority.ca_file)

    for path in ("", "/", "/LGI/jobs", "/LGI/jobs/1", "/index.php", "/LGI/submit", "/x"):
        address = f"{grid.url}/basic_interface{path}"
        page = anonymous.get(address, headers={"Accept": "text/html"})
        assert page.status_code == 403
        assert "Your browser showed no certificate" in page.text
        assert "Load the file" in page.text
        posted = anonymous.post(address, data={"a": "b"}, headers=FROM_OURS).text
        assert "Load the file" in posted or "<number> 2 </number>" in posted
        assert "<number> 2 </number>" in anonymous.get(address).text
    assert anonymous.cookies.get_dict() == {}


def test_a_project_the_certificate_is_not_for_is_refused(grid: Grid) -> None:
    """LGI error 37, before anything of the project is read."""
    issued = grid.people.user("guest@laptop", ("x",), ("Other",))

    answer = grid.client(issued).session.get(
        f"{grid.url}/basic_interface/LGI/jobs", headers={"Accept": "text/html"}
    )

    assert answer.status_code == 403
    assert "does not allow this project: it is for Other, and this server has none of these" in answer.text


CALLS = (
    "interfaces/interface_submit_job",
    "interfaces/interface_job_state.php",
    "resources/resource_request_work",
)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("header", ["Cookie", "Origin", "Sec-Fetch-Site"])
def test_a_call_is_not_for_browsers(grid: Grid, call: str, header: str) -> None:
    """LGI error 67, and nothing is done: another site could have the browser make it, certificate and all."""
    grid.resource()
    browser = Browser(grid)
    browser.get()
    cookie = f"{COOKIE}={browser.session.cookies.get(COOKIE)}"
    browser.session.cookies.clear()
    sent = {header: {"Cookie": cookie, "Origin": "null", "Sec-Fetch-Site": "cross-site"}[header]}
    fields = {
        "user": "mark@laptop",
        "groups": "theor",
        "application": "hello_world",
        "target_resources": "any",
    }

    answer = browser.session.post(f"{grid.url}/{call}", data=fields, headers=sent)

    assert "<number> 67 </number>" in answer.text
    assert grid.rows("SELECT * FROM job_queue") == []


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_files_are_not_changed_by_browsers_but_with_a_form(grid: Grid, method: str) -> None:
    """PUT and DELETE are calls, which have no token."""
    grid.resource()
    job_id = grid.user().submit()
    (row,) = grid.rows("SELECT repository FROM job_queue WHERE job_id = %s", job_id)
    address = f"{grid.url}/repository/{str(row['repository'])[-3:]}/{row['repository']}/a"
    session = grid.client(grid.people.user("mark@laptop", ("theor", "cyttron"))).session
    session.put(address, data=b"1")

    refused = session.request(method, address, data=b"2", headers={"Sec-Fetch-Site": "same-origin"})

    assert refused.status_code == 403
    assert session.get(address).content == b"1"


@pytest.fixture(scope="module")
def without() -> Iterator[Grid]:
    """A server whose web interface is switched off."""
    with running(Grid(settings={"basic_interface": "false"})) as made:
        made.resource()
        yield made


@pytest.mark.slow
def test_one_line_switches_the_interface_off(without: Grid) -> None:
    """No page of it is there, nor a way to it; calls and the landing page are."""
    browser = Browser(without)

    for path in (
        "",
        "jobs",
        "submit",
        f"{without.url}/basic_interface/",
        f"{without.url}/basic_interface/index.php",
    ):
        assert browser.get(path).status == 404
    landing = browser.get(f"{without.url}/")
    assert landing.status == 200
    assert "basic_interface" not in landing.answer.text
    assert refusal(lambda: without.user().post("interface_job_state")) == 0
