"""Ruling 1: a certificate with the group ``any`` is for every group but the administrators'."""

import subprocess
from pathlib import Path

import pytest

from lgi_tools.client import settings
from tests.server.test_repository import ask, new_repository
from tests.support.grid import BIN, Grid, UserCalls
from tests.support.pages import Browser

JOB = {"application": "hello_world", "target_resources": "any"}
NAME = "dave@desk"


def run_tool(name: str, *words: str) -> None:
    """A command that succeeds."""
    subprocess.run([BIN / name, *words], check=True, capture_output=True)


@pytest.fixture
def dave(grid: Grid) -> UserCalls:
    """A user whose certificate has only the group ``any``."""
    grid.resource()
    return grid.user(NAME, ("any",))


@pytest.mark.parametrize(
    ("posted", "granted"),
    [
        ("theor", "theor"),
        ("chem, theor, chem", "chem, theor"),
        (f"theor, {NAME}", f"theor, {NAME}"),
        ("theor, any", "theor"),
        ("theor, admin", "theor"),
        ("any", NAME),
        ("any, admin", NAME),
    ],
)
def test_every_posted_group_is_granted(grid: Grid, dave: UserCalls, posted: str, granted: str) -> None:
    """`any` is granted too, since old configurations have it: it stands for the user's own name."""
    dave.groups = posted

    answer = dave.post("interface_submit_job", **JOB)

    assert answer.value("groups") == granted
    (job,) = grid.rows("SELECT owners FROM job_queue")
    assert set(str(job["owners"]).split(", ")) == {NAME, *granted.split(", ")}


@pytest.mark.parametrize("call", ["interface_job_state", "interface_project_server_list", "interface_usage"])
def test_no_call_grants_the_administrators_group(dave: UserCalls, call: str) -> None:
    """Error 38 when nothing else is posted."""
    dave.groups = "admin"

    assert dave.refusal(call) == 38


def test_the_group_any_beside_other_groups_is_any(grid: Grid) -> None:
    """The administrators' group is granted if the certificate names it."""
    grid.resource()
    user = grid.user("erin@desk", ("any", "admin"))
    user.groups = "chem, admin"

    assert user.post("interface_submit_job", **JOB).value("groups") == "chem, admin"


def test_jobs_of_a_posted_group_are_read_and_deleted(grid: Grid, dave: UserCalls) -> None:
    """The same rights apply as with a certificate that names the group."""
    job_id = grid.user().submit(read_access="theor", write_access="theor")
    dave.groups = "chem"

    assert dave.refusal("interface_job_state", job_id=str(job_id)) == 34
    dave.groups = "theor"

    assert dave.post("interface_job_state").number("number_of_jobs") == 1
    assert dave.delete(job_id).value("job", "state") == "deleted"


def test_a_browser_works_for_the_groups_it_has_chosen(grid: Grid, dave: UserCalls) -> None:
    """Lists, single jobs, the form for a new one and files, until it chooses others."""
    job_id = grid.user().submit(read_access="theor", write_access="theor")
    browser = Browser(grid, NAME, ("any",))
    before = browser.get(f"jobs/{job_id}").status

    page = browser.fill("certificate", "groups", groups="theor, chem")
    added = browser.fill(f"jobs/{job_id}", "files", files=[("files", ("more", b"1"))])
    browser.fill("submit", application="hello_world", groups=["chem"])

    assert before == 404
    assert f"Groups {NAME}, theor, chem, and any other but the administrators'" in page.text
    assert added.path.startswith(f"jobs/{job_id}")
    rows = browser.get("jobs").rows()
    assert [row["Job"] for row in rows] == [str(job_id + 1), f"{job_id} of mark@laptop"]
    (job,) = grid.rows("SELECT owners FROM job_queue WHERE job_id = %s", job_id + 1)
    assert job["owners"] == f"{NAME}, chem"
    browser.fill("certificate", "groups", groups="")
    assert browser.get(f"jobs/{job_id}").status == 404


def test_a_browser_cannot_choose_the_administrators(grid: Grid, dave: UserCalls) -> None:
    """Neither by the form nor by a cookie of its own making; and it says which group was refused."""
    browser = Browser(grid, NAME, ("any",))

    refused = browser.fill("certificate", "groups", groups="theor, admin")
    browser.session.cookies.set("__Host-LGI_groups", "admin")

    assert refused.status == 400
    assert "admin" in refused.text
    assert browser.get("administration").status == 403
    assert "administration" not in browser.get("certificate").answer.text


@pytest.mark.parametrize("groups", [("theor", "cyttron"), None])
def test_a_browser_with_named_groups_has_no_choice(grid: Grid, groups: tuple[str, ...] | None) -> None:
    """A cookie grants nothing that the certificate does not."""
    grid.resource()
    job_id = grid.user("frank@desk", ("chem",)).submit(read_access="chem")
    browser = Browser(grid, "mark@laptop", groups or ())
    browser.session.cookies.set("__Host-LGI_groups", "chem")

    assert browser.get(f"jobs/{job_id}").status == 404
    assert "Work for the groups" not in browser.get("certificate").text


def test_the_group_any_writes_no_repository(grid: Grid, dave: UserCalls) -> None:
    """As LGI: a PUT posts no groups, and ``any`` is none in an access file."""
    url, _directory = new_repository(grid, write_access="theor")

    assert ask(dave, "PUT", f"{url}/any.txt", b"x").status_code == 403


def test_the_tool_writes_a_configuration_that_works(grid: Grid, tmp_path: Path) -> None:
    """``~/.LGI/groups`` holds names of groups, of which ``any`` is none."""
    authority = grid.people.authority.directory
    words = ("--group", "any", "--config-dir", str(tmp_path / "dave"), "--server", grid.url, "--force")
    run_tool("LGI_certificates", "--directory", str(authority), "user", "dan@desk", *words)
    grid.resource()

    assert settings.read_directory(tmp_path / "dave").groups == "dan@desk"
    for groups in ((), ("-G", "theor"), ("-G", "any")):
        run_tool("LGI_qsub", "-c", str(tmp_path / "dave"), *groups, "-a", "hello_world")
    owners = [row["owners"] for row in grid.rows("SELECT owners FROM job_queue ORDER BY job_id")]
    assert owners == ["dan@desk", "dan@desk, theor", "dan@desk"]
