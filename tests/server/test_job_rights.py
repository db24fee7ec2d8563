"""The rights of a job with its certificate, tested with attempts to exceed them."""

import re
from pathlib import Path

import pytest
import requests

from lgi_server.app import CALLS, create_app
from lgi_tools.certificates import keys
from lgi_tools.certificates.keys import KeyType
from tests.support.grid import Grid, refusal
from tests.support.running_jobs import (
    REFERENCE,
    JobClaims,
    certified,
    repository_of,
    signing_request,
    started,
    take,
)

OWNER = "mark@laptop"
ROUTES = {f"{folder}/{route.name}": route for folder, routes in CALLS.items() for route in routes}
METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"]


@pytest.fixture
def job(grid: Grid, tmp_path: Path) -> JobClaims:
    """A job of mark@laptop on res1@cluster."""
    return started(grid, tmp_path)


def test_a_job_keeps_its_files_in_its_repository(job: JobClaims) -> None:
    """List, upload, download and delete: what scripts do with LGI_filetransfer."""
    put = job.ask("PUT", f"{job.repository}/result", b"42")
    listed = job.list().text
    got = job.ask("GET", f"{job.repository}/result")
    deleted = job.ask("DELETE", f"{job.repository}/result")

    assert (put.status_code, got.content, deleted.status_code) == (200, b"42", 200)
    assert "<file_name> result </file_name>" in listed
    assert "<number_of_files> 1 </number_of_files>" in job.list().text


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
def test_the_files_of_others_are_not_for_a_job(grid: Grid, job: JobClaims, method: str) -> None:
    """Though its own resource could reach them; what is not there is refused in the same words."""
    eve = grid.user("eve@laptop", ("eve",))
    theirs = repository_of(grid, eve.submit(target_resources="res1@cluster"))
    eve.client.session.put(f"{theirs}/secret", data=b"s")
    nowhere = f"{grid.url}/repository/000/JOB_{'0' * 32}/secret"

    refused, unknown = job.ask(method, f"{theirs}/secret", b"x"), job.ask(method, nowhere, b"x")

    assert (refused.status_code, unknown.status_code) == (403, 403)
    assert refused.text == unknown.text
    assert eve.client.session.get(f"{theirs}/secret").content == b"s"
    assert (job.list(theirs).status_code, job.list(nowhere.rpartition("/")[0]).status_code) == (403, 403)


def test_a_job_may_read_what_an_owner_of_it_may_read_and_change_none_of_it(
    grid: Grid, job: JobClaims
) -> None:
    """A job that continues the work of another one fetches the files of that job."""
    user = grid.user()
    older = repository_of(grid, user.submit())
    user.client.session.put(f"{older}/restart", data=b"r")

    assert job.ask("GET", f"{older}/restart").content == b"r"
    assert "restart" in job.list(older).text
    assert job.ask("PUT", f"{older}/restart", b"x").status_code == 403
    assert job.ask("DELETE", f"{older}/restart").status_code == 403
    assert user.client.session.get(f"{older}/restart").content == b"r"


def test_the_job_of_an_administrator_does_not_read_everything(grid: Grid, tmp_path: Path) -> None:
    """Each job may be read by the administrators, and jobs run on machines of others."""
    boss = grid.user("boss@x", ("admin",))
    calls = grid.resource()
    boss.submit(read_access="boss@x")
    job = certified(grid, calls, take(grid, calls), tmp_path)
    theirs = repository_of(grid, grid.user("eve@laptop", ("eve",)).submit())

    assert job.list().status_code == 200
    assert job.list(theirs).status_code == 403


def test_no_path_leads_out_of_the_repository(grid: Grid, job: JobClaims) -> None:
    """Dots, encoded or not, other directories, LGI's own files."""
    eve = grid.user("eve@laptop", ("eve",))
    theirs = repository_of(grid, eve.submit())
    eve.client.session.put(f"{theirs}/secret", data=b"s")
    tail = theirs.partition("/repository/")[2]
    own = job.repository
    tricks = [
        f"{own}/../../{tail}/secret",
        f"{own}/%2e%2e/%2e%2e/{tail}/secret",
        f"{own}/..%2f..%2f{tail.replace('/', '%2f')}%2fsecret",
        f"{own}//../../{tail}/secret",
        f"{own}/./../../{tail}/secret",
        f"{own}%2f..%2f..%2f{tail}/secret",
        f"{own.rpartition('/')[0]}/{theirs.rpartition('/')[2]}/secret",
        f"{own}/..",
        f"{own}/../../../../etc/passwd",
    ]

    for trick in tricks:
        for method in ("GET", "PUT", "DELETE"):
            answer = job.ask(method, trick, b"x")
            # Where there is no repository at all, the answer is that of every page.
            no_page = "<error> <number> 2 </number>" in answer.text
            assert no_page or answer.status_code in {400, 403, 404}, (method, trick)
    assert eve.client.session.get(f"{theirs}/secret").content == b"s"
    assert job.ask("PUT", f"{own}/.LGI_repository_write_access", b"any").status_code == 400
    assert job.list(f"x/{own.rpartition('/')[2]}/../{theirs.rpartition('/')[2]}").status_code == 403


def all_that_can_be_posted(grid: Grid, job: JobClaims) -> dict[str, str]:
    """Fields with which each call would do what it is for, were they from whom they name."""
    return {
        "project": "LGI",
        "user": OWNER,
        "groups": "theor, cyttron",
        "session_id": job.resource.session_id,
        "resource_name": "res1@cluster",
        "job_id": job.job_id,
        "daemon_reference": REFERENCE,
        "request": signing_request(keys.make_key(KeyType.EC)).hex(),
        "application": "hello_world",
        "applications": "hello_world",
        "target_resources": "any",
        "state": "finished",
        "output": "41",
        "owners": OWNER,
        "capabilities": "<other> </other>",
        "version": "0",
        "start": "0",
        "limit": "1",
    }


# A job may submit; an old LGI_qsub signs up before that and off after it, to and from nothing.
OF_JOBS = {f"resources/resource_{name}" for name in ("submit_job", "signup_resource", "signoff_resource")}


def test_a_job_may_make_these_calls(job: JobClaims) -> None:
    """A new call must be added here, with its meaning for jobs."""
    assert {name for name, route in ROUTES.items() if route.for_jobs} == OF_JOBS


@pytest.mark.parametrize("suffix", ["", ".php"])
@pytest.mark.parametrize("name", sorted(ROUTES.keys() - OF_JOBS))
def test_every_other_call_is_refused(grid: Grid, job: JobClaims, name: str, suffix: str) -> None:
    """The error is 2, for any user and any session of the resource in the fields; nothing changes."""

    def seen() -> object:
        """The tables without times, of which some are stored a second late."""
        tables = ("job_queue", "running_sessions", "active_resources", "running_locks", "updates")
        rows = [row for table in tables for row in grid.rows(f"SELECT * FROM {table}")]
        return sorted(str({name: value for name, value in row.items() if "time" not in name}) for row in rows)

    other = grid.resource("res2@cluster")
    grid.user().submit()
    offered = other.request_work("hello_world", 0, 1).jobs[0].job_id
    before = seen()
    fields = all_that_can_be_posted(grid, job)

    for session_id in (job.resource.session_id, other.session_id):
        for job_id in (job.job_id, offered):
            posted = fields | {"session_id": session_id, "job_id": job_id}
            answer = job.client.session.post(f"{grid.url}/{name}{suffix}", data=posted).text
            assert "<number> 2 </number>" in answer
            assert "<resource>" not in answer
    answer = job.client.session.get(f"{grid.url}/{name}{suffix}", params=fields).text
    assert "<number> 2 </number>" in answer
    assert seen() == before


@pytest.mark.slow
@pytest.mark.one_database
def test_every_page_is_refused(grid: Grid, job: JobClaims) -> None:
    """All there are, and all there will be: only what everybody may see, and repositories, are asked less."""
    open_to_all = {"landing", "ca_certificate", "crl", "document", "drawing", "static"}
    of_jobs = {name.replace("/", ".") for name in OF_JOBS}
    app = create_app(grid.config)
    rules = [
        re.sub("<[^>]*>", "1", rule.rule)
        for rule in app.url_map.iter_rules()
        # The description of the calls is one of the documents that everybody may read.
        if not rule.rule.endswith("/openapi.json")
        and rule.endpoint not in open_to_all | of_jobs
        and not rule.endpoint.startswith("repository.")
    ]
    to_come = [
        f"/LGI{path}" for path in ("/metrics", "/basic_interface/", "/basic_interface/index.php", "/x/y")
    ]
    base = grid.url.removesuffix("/LGI")

    for path in (*rules, *to_come, "/", "/LGI/resources/", "/LGI/servers/none"):
        for method in METHODS:
            answer = job.ask(method, f"{base}{path}")
            assert method == "HEAD" or is_refused(path, answer), (method, path)


def is_refused(path: str, answer: requests.Response) -> bool:
    """Whether the server has said that a job may not do that; JSON has a word for unknown methods before."""
    if path.startswith("/LGI/api/"):
        return answer.status_code == 405 or answer.json()["lgi_error"] == 2
    return "<number> 2 </number>" in answer.text


def test_a_method_that_a_repository_does_not_know_is_refused(job: JobClaims) -> None:
    """Only methods that check the caller are open to jobs."""
    for method in ("POST", "PATCH", "OPTIONS"):
        assert "<number> 2 </number>" in job.ask(method, f"{job.repository}/x", b"x").text


def test_a_user_may_be_called_as_a_resource_or_a_job(grid: Grid, tmp_path: Path) -> None:
    """A job has no name as caller, so the rights of such a user stay with the user."""
    grid.resource()
    grid.user("res1@cluster", ("res1@cluster",)).submit(write_access="job 1")
    theirs = repository_of(grid, grid.rows("SELECT job_id FROM job_queue")[0]["job_id"])
    grid.set_job(int(str(grid.rows("SELECT job_id FROM job_queue")[0]["job_id"])), state="finished")
    job = started(grid, tmp_path)

    assert job.ask("GET", f"{theirs}/x").status_code == 403
    assert job.ask("PUT", f"{theirs}/x", b"x").status_code == 403
    usual = {"project": "LGI", "user": "res1@cluster", "groups": "res1@cluster"}
    assert refusal(lambda: job.client.post("interfaces/interface_job_state", usual)) == 2
