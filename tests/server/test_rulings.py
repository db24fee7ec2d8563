"""Rulings of wire.md 9 that belong to no single call."""

import configparser
from collections.abc import Iterator
from pathlib import Path

import pytest

from lgi_protocol.errors import ServerError
from tests.server.test_resource_calls import refusal
from tests.support.grid import Grid, running
from tests.support.pages import Browser

SUBMIT = {"application": "hello_world", "target_resources": "any"}


@pytest.fixture(scope="module")
def trusting() -> Iterator[Grid]:
    """A server that trusts posted groups as LGI did."""
    with running(Grid(settings={"open_groups": "true"})) as made:
        made.resource()
        yield made


@pytest.mark.parametrize(("posted", "granted"), [("theor", "theor"), ("chem, admin, any", "chem")])
def test_one_line_trusts_posted_groups_again(trusting: Grid, posted: str, granted: str) -> None:
    """Ruling 1: open_groups = true, for certificates without groups."""
    user = trusting.user("frank@desk", None)
    user.groups = posted

    assert user.post("interface_submit_job", **SUBMIT).value("groups") == granted


def test_pages_trust_chosen_groups_as_calls_do(trusting: Grid) -> None:
    """Ruling 1: open_groups = true, in a browser."""
    browser = Browser(trusting, "gina@desk", ())

    page = browser.fill("certificate", "groups", groups="chem")
    refused = browser.fill("certificate", "groups", groups="admin")

    assert "gina@desk, chem" in page.text
    assert refused.status == 400


@pytest.mark.parametrize("posted", ["admin", "any"])
def test_no_user_is_an_administrator_by_saying_so(trusting: Grid, posted: str) -> None:
    """Ruling 1: open_groups never grants the administrators' group, nor everything."""
    user = trusting.user("frank@desk", None)
    user.groups = posted

    assert user.refusal("interface_submit_job", **SUBMIT) == 38


def test_a_certificate_with_groups_is_never_trusted_beyond_them(trusting: Grid) -> None:
    """Ruling 1: open_groups changes nothing for it."""
    user = trusting.user("mark@laptop", ("theor",))
    user.groups = "theor, chem"

    assert user.post("interface_submit_job", **SUBMIT).value("groups") == "theor"


TAGS = ["LGI", "response", "error", "job", "job_specifics", "repository", "repository_url"]


@pytest.mark.parametrize("tag", TAGS)
def test_a_reserved_tag_is_refused_at_any_depth(grid: Grid, tag: str) -> None:
    """Ruling 2: from users and resources; a resource may echo the repository's two, and they are dropped."""
    resource = grid.resource()
    job_id = str(grid.user().submit())
    resource.lock(job_id)
    top, deep = f"<{tag}> x </{tag}>", f"<a> <b> <{tag}> x </{tag}> </b> </a>"

    for text in (top, deep):
        assert grid.user().refusal("interface_submit_job", job_specifics=text, **SUBMIT) == 72
    assert refusal(resource.update, job_id, job_specifics=deep) == 72
    if tag.startswith("repository"):
        assert resource.update(job_id, job_specifics=f"<c> 1 </c> {top}").job_specifics.count(f"<{tag}>") == 1
        assert "<c> 1 </c>" in resource.details(job_id).job_specifics
    else:
        assert refusal(resource.update, job_id, job_specifics=top) == 72


def test_certificates_are_compared_by_what_they_are(grid: Grid) -> None:
    """Ruling 6: by their DER bytes, however the stored text is folded and whatever stands around it."""
    resource = grid.resource()
    (row,) = grid.rows("SELECT client_certificate FROM active_resources WHERE project_server = 0")
    head, *lines, foot = str(row["client_certificate"]).strip().splitlines()
    text = "".join(lines)
    folded = "\r\n".join(text[at : at + 76] for at in range(0, len(text), 76))
    grid.run(
        "UPDATE active_resources SET client_certificate = %s WHERE project_server = 0",
        f"Certificate:\n    Data: of res1\n{head}\r\n{folded}\r\n{foot}\n\n",
    )

    resource.sign_up()

    assert resource.session_id != ""


@pytest.mark.slow
def test_the_package_says_which_python_it_needs() -> None:
    """Ruling 10: Python 3.11 and newer."""
    settings = configparser.ConfigParser()
    settings.read(Path(__file__).parents[2] / "setup.cfg")

    assert settings["options"]["python_requires"] == ">=3.11"


def test_a_resource_submits_in_no_administrators_name(grid: Grid) -> None:
    """Ours: whom a resource names as owners may be let do more elsewhere; the admin group is dropped."""
    resource = grid.resource()
    fields = {"application": "hello_world", "state": "queued", "target_resources": "any"}

    made = resource.submit(fields | {"owners": "mark@laptop, admin"})
    resource.unlock(made.value("job", "job_id"))
    with pytest.raises(ServerError) as refused:
        resource.submit(fields | {"owners": "admin"})

    assert made.value("job", "owners") == "mark@laptop"
    assert refused.value.number == 29
