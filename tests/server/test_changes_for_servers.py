"""Changes by ManageDB that are for some of the project servers only (LGI's document, the table updates)."""

import pytest

from lgi_server.services.project import update_parser
from tests.support.grid import SERVER_NAME, Grid
from tests.support.manage_db import manage
from tests.support.slaves import rules

pytestmark = pytest.mark.slow

SLAVE = "LGI@slave1"
RULE = ("--name", "mark@laptop", "--application", "vasp")


@pytest.fixture
def master(grid: Grid) -> Grid:
    """A master with a slave that does not answer."""
    certificate = grid.people.resource(SLAVE).certificate
    done = manage(
        grid,
        *("add", "resources", "allowed", "--name", SLAVE, "--url", "https://localhost:1/LGI"),
        *("--certificate", str(certificate), "--project-server", "2", "--servers", "any"),
    )
    assert done.returncode == 0, done.stderr
    return grid


def without_updates(grid: Grid) -> list[tuple[object, ...]]:
    """The rules and resources of a server."""
    return [row for row in rules(grid) if row[0] != "updates"]


def last(grid: Grid) -> tuple[str, str]:
    """The servers and the statement of the last update."""
    row = grid.rows("SELECT servers, update_query FROM updates ORDER BY version DESC LIMIT 1")[0]
    return str(row["servers"]), bytes(row["update_query"]).decode()  # type: ignore[arg-type]


CHANGES = {
    "allow": ("add", "users", "allowed", *RULE, "--limit", "3"),
    "deny": ("add", "groups", "denied", *RULE),
    "remove": ("del", "users", "allowed", "--name", "any", "--application", "any"),
    "remove what is not here": ("del", "users", "denied", "--name", "nobody", "--application", ""),
    "remove a resource": ("del", "resources", "allowed", "--name", "res1@cluster"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_change_for_a_slave_changes_nothing_on_the_master(master: Grid, change: tuple[str, ...]) -> None:
    """Allowing, denying and removing alike; it is recorded for the slave."""
    resource = master.resource()
    before = without_updates(master)

    done = manage(master, *change, "--servers", SLAVE)

    assert done.returncode == 0, done.stderr
    assert without_updates(master) == before
    servers, text = last(master)
    assert servers == SLAVE
    assert update_parser.parse(text).table
    # Nobody was signed off.
    assert resource.request_work("hello_world", 0, 1).jobs == ()


@pytest.mark.parametrize("servers", ["any", SERVER_NAME, f"{SLAVE}, {SERVER_NAME}"])
def test_a_change_that_names_the_master_is_made_there(master: Grid, servers: str) -> None:
    """The master may be one of several names, or the only one."""
    done = manage(master, *CHANGES["allow"], "--servers", servers)

    assert done.returncode == 0, done.stderr
    assert ("users_allowed", "mark@laptop", "vasp", "3") in rules(master)


def test_a_resource_of_a_slave_only_is_not_registered_on_the_master(master: Grid) -> None:
    """Though its certificate is checked; removed there, it need not be known here."""
    certificate = str(master.people.resource("res2@cluster").certificate)
    words = ("--name", "res2@cluster", "--url", "res2@cluster", "--certificate", certificate)
    before = without_updates(master)

    added = manage(master, "add", "resources", "allowed", *words, "--project-server", "0", "--servers", SLAVE)
    recorded = last(master)
    removed = manage(master, "del", "resources", "allowed", "--name", "res2@cluster", "--servers", SLAVE)

    assert (added.returncode, removed.returncode) == (0, 0), (added.stderr, removed.stderr)
    assert without_updates(master) == before
    assert "res2@cluster" in recorded[1]


def test_a_change_for_a_slave_is_taken_back_there(master: Grid) -> None:
    """The slave gets the master's state: another limit in one case, no such rule in the other."""
    manage(master, *CHANGES["allow"][:-1], "7", "--servers", "any")
    manage(master, *CHANGES["allow"], "--servers", SLAVE)
    before = without_updates(master)

    undone = manage(master, "undo", "--yes")

    assert undone.returncode == 0, undone.stderr
    servers, text = last(master)
    assert servers == SLAVE
    assert dict(update_parser.parse(text).values)["job_limit"] == 7
    assert without_updates(master) == before


def test_a_server_that_is_none_is_refused(master: Grid) -> None:
    """No server would make the change; the message lists the existing servers."""
    before = rules(master)

    done = manage(master, *CHANGES["deny"], "--servers", "LGI@slave2")

    assert done.returncode == 1
    assert f"'LGI@slave2' is not a project server: write 'any', or of {SERVER_NAME}, {SLAVE}" in done.stderr
    assert rules(master) == before
