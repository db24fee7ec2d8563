"""The lists of ManageDB, as a table and for programs."""

import json
import os
import subprocess

import pytest

from lgi_protocol import xml
from lgi_server.services.project import registration
from lgi_server.services.project.registration import NewResource
from tests.server.test_licences import grid as licensed_grid
from tests.server.test_licences import licensed, submit
from tests.support.grid import BIN, CAPABILITIES, SERVER_NAME, Grid
from tests.support.manage_db import manage

__all__ = ["licensed", "licensed_grid"]


def test_rules_are_listed_for_programs(grid: Grid) -> None:
    """JSON and XML contain each name exactly, with any special characters."""
    grid.run("INSERT INTO users_allowed VALUES (%s, 'vasp', -3)", "o'neil & <co>@desk")

    listed = json.loads(manage(grid, "list", "users", "allowed", "--format", "json").stdout)
    text = manage(grid, "list", "users", "allowed", "--format", "xml").stdout

    assert {"user_name": "o'neil & <co>@desk", "application": "vasp", "job_limit": -3} in listed
    found = xml.find(text, "users_allowed")
    assert found is not None
    assert xml.value(found.inside, "number_of_rows") == str(len(listed))
    names = [xml.value(row.inside, "user_name") for row in xml.find_all(found.inside, "row")]
    assert names == [row["user_name"] for row in listed]


def test_resources_are_listed_with_their_last_call(grid: Grid) -> None:
    """The table has a readable time, JSON and XML a number; a resource that has not called has "never"."""
    certificate = grid.people.resource("res1@cluster").certificate.read_text()
    new = NewResource("res1@cluster", "res1@cluster", certificate)
    grid.database.run(lambda transaction: registration.add_resource(transaction, new, "any"))
    grid.run(
        "UPDATE active_resources SET last_call_time = 1350000001, resource_capabilities = %s"
        " WHERE resource_name = 'res1@cluster'",
        CAPABILITIES,
    )

    table = manage(grid, "list", "resources", "allowed").stdout.splitlines()
    listed = json.loads(manage(grid, "list", "resources", "allowed", "--format", "json").stdout)
    text = manage(grid, "list", "resources", "allowed", "--format", "xml").stdout

    words = {line.split()[0]: line.split()[1:] for line in table}
    assert words["res1@cluster"][:3] == ["res1@cluster", "2012-10-12T00:00:01Z", "0"]
    assert words[SERVER_NAME][1:3] == ["never", "1"]
    (row,) = [row for row in listed if row["resource_name"] == "res1@cluster"]
    assert (row["last_call_time"], row["resource_capabilities"]) == (1350000001, CAPABILITIES)
    assert f"<resource_capabilities> {CAPABILITIES} </resource_capabilities>" in text


@pytest.mark.slow
def test_licences_are_listed_with_what_is_in_use(licensed_grid: Grid) -> None:
    """The list has the total number of each licence, and the number that jobs hold."""
    resource = licensed_grid.resource()
    resource.lock(str(submit(licensed_grid, "matlab=2")))

    table = manage(licensed_grid, "list", "licences").stdout
    listed = json.loads(manage(licensed_grid, "list", "licences", "LGI", "--format", "json").stdout)

    assert [line.split() for line in table.splitlines()] == [
        ["licence", "number", "used"],
        ["abaqus", "1", "0"],
        ["matlab", "3", "2"],
    ]
    assert listed[1] == {"licence": "matlab", "number": 3, "used": 2}


def test_a_list_that_nobody_reads_on_is_no_fault(grid: Grid) -> None:
    """The command prints no error when its reader exits, as in ``ManageDB list users allowed

    head``.
    """
    reading, writing = os.pipe()
    os.close(reading)
    words = [BIN / "ManageDB", "--config", grid.config_file, "list", "users", "allowed"]

    done = subprocess.run(words, stdout=writing, stderr=subprocess.PIPE, timeout=60, check=False)

    os.close(writing)
    assert (done.returncode, done.stderr) == (1, b"")


@pytest.mark.parametrize("kind", ["users", "resources"])
def test_lists_can_be_printed_on_a_slave(grid: Grid, kind: str) -> None:
    """Only changes are refused on a slave server."""
    grid.run("UPDATE active_resources SET project_server = 2")

    listed = manage(grid, "list", kind, "allowed")

    assert (listed.returncode, listed.stdout != "") == (0, True)
