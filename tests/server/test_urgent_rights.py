"""The rights of groups to urgent jobs, which administrators give with ManageDB."""

import json

import pytest

from lgi_server.services.project import replication
from lgi_server.services.project.replication import LocalServer, Update
from tests.server.test_manage_db import last_update
from tests.server.test_urgent_jobs import permit
from tests.support.grid import Grid
from tests.support.manage_db import manage
from tests.support.pages import Browser

ADD = ("add", "groups", "urgent", "--name", "theor", "--servers", "any")


def statement(grid: Grid) -> str:
    """The statement of the newest change."""
    return bytes(last_update(grid)["update_query"]).decode()  # type: ignore[arg-type]


def listed(grid: Grid) -> list[dict[str, object]]:
    """The groups with the right."""
    printed = manage(grid, "list", "groups", "urgent", "--format", "json").stdout
    found: list[dict[str, object]] = json.loads(printed)
    return found


def test_a_right_is_given_changed_listed_and_taken(grid: Grid) -> None:
    """The list has what is used of it; the rules of the group have lists of their own."""
    grid.resource()
    codes = [manage(grid, *ADD, "--limit", limit).returncode for limit in ("3", "2")]
    grid.user().submit(urgent="1")

    given, rules = listed(grid), manage(grid, "list", "groups", "allowed")
    codes.append(manage(grid, "del", *ADD[1:]).returncode)

    assert codes == [0, 0, 0]
    assert given == [{"group_name": "theor", "job_limit": 2, "used": 1}]
    assert "theor" not in rules.stdout
    assert listed(grid) == []


def test_a_right_is_recorded_as_a_rule_that_older_servers_take(grid: Grid) -> None:
    """Of an application that none can be called; a slave then has it too."""
    manage(grid, *ADD, "--limit", "2")
    text, version = statement(grid), int(str(last_update(grid)["version"]))

    grid.run("DELETE FROM groups_allowed")
    update = Update(version + 1, ("any",), text)
    grid.database.run(lambda one: replication.apply(one, update, LocalServer("LGI@slave")))

    assert text == (
        "REPLACE INTO groups_allowed (group_name, application, job_limit) VALUES ('theor', '!urgent', -2)"
    )
    assert [row["group_name"] for row in listed(grid)] == ["theor"]


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("add", "groups", "urgent", "--name", "theor", "--limit", "0"), "0 is no number of urgent jobs"),
        (("add", "groups", "urgent", "--name", "theor", "--limit", "-1"), "-1 is no number of urgent jobs"),
        (("add", "groups", "urgent", "--name", "any", "--limit", "1"), "any is not a group"),
        (("del", "groups", "urgent", "--name", "theor"), "there is no such rule"),
        (
            ("add", "groups", "allowed", "--name", "a", "--application", "!urgent", "--limit", "1"),
            "cannot be",
        ),
    ],
)
def test_a_right_that_cannot_be_is_refused(grid: Grid, words: tuple[str, ...], reason: str) -> None:
    """With the value that is wrong; nothing is recorded."""
    before = last_update(grid)

    done = manage(grid, *words, "--servers", "any")

    assert done.returncode != 0
    assert reason in done.stderr
    assert last_update(grid) == before


def test_a_right_that_was_given_or_taken_is_taken_back(grid: Grid) -> None:
    """Also one that went with all rules of its group; each change is shown in words."""
    manage(grid, *ADD, "--limit", "2")
    manage(grid, *ADD, "--limit", "5")
    changed = manage(grid, "undo", "--yes").stdout
    manage(grid, "del", *ADD[1:])
    manage(grid, "undo", "--yes")
    manage(
        grid, "del", "groups", "allowed", "--name", "theor", "--application", "", "--servers", "any", "--yes"
    )
    gone = listed(grid)
    undone = manage(grid, "undo", "--yes").stdout

    assert "was : let group theor have 5 urgent jobs at once" in changed
    assert "take it back : let group theor have 2 urgent jobs at once" in changed
    assert gone == []
    assert "let group theor have 2 urgent jobs at once" in undone
    assert [row["job_limit"] for row in listed(grid)] == [2]


def test_administrators_see_the_rights_on_their_page(grid: Grid) -> None:
    """Beside the rules, with the number of jobs that count."""
    permit(grid, 3, "urgentists")
    grid.resource()

    page = Browser(grid, "root@desk", ("admin",)).get("administration/rules").text

    assert "Groups with urgent jobs" in page
    assert "urgentists" in page
    assert "!urgent" not in page


def test_the_page_submits_and_shows_urgent_jobs(grid: Grid) -> None:
    """In the form, in the list and on the page of the job; a refusal keeps what was typed."""
    permit(grid, 1)
    grid.resource()
    browser = Browser(grid)
    job = browser.fill("submit", application="hello_world", groups="theor", urgent="1")

    refused = browser.fill("submit", application="hello_world", groups="theor", urgent="1")

    assert "Urgent before all other jobs, for theor" in job.text
    assert browser.get("jobs").rows()[0]["State"] == "queued urgent"
    assert "theor has 1 of 1" in refused.text
    assert refused.tree.xpath("//input[@name='urgent']/@checked") == ["checked"]
