"""What a worker remembers of active_resources for a second, and what it never takes from memory."""

import time

import pytest

from lgi_protocol import xml
from lgi_protocol.errors import ErrorNumber
from tests.support.grid import Grid, refusal, wait_for
from tests.support.pages import register

NAME = "res1@cluster"
SQL = "UPDATE active_resources SET client_certificate = %s WHERE resource_name = %s"


def test_a_removed_resource_is_refused_at_once(grid: Grid) -> None:
    """That a resource exists is asked with each call."""
    resource = grid.resource(NAME)
    resource.request_work("hello_world", 0, 1)

    grid.run("DELETE FROM active_resources WHERE resource_name = %s", NAME)

    assert refusal(lambda: resource.request_work("hello_world", 0, 1)) == ErrorNumber.RESOURCE_UNKNOWN


@pytest.mark.slow
def test_a_replaced_certificate_is_refused_soon_and_its_successor_accepted_at_once(grid: Grid) -> None:
    """No call is refused because of a cached, older certificate."""
    resource = grid.resource(NAME)
    resource.sign_off()
    other = grid.people.resource("other@cluster").certificate.read_text()
    mine = grid.people.resource(NAME).certificate.read_text()

    grid.run(SQL, other, NAME)
    wait_for(lambda: refusal(resource.sign_up) == ErrorNumber.CERTIFICATE, 20)

    grid.run(SQL, mine, NAME)
    assert refusal(resource.sign_up) == 0


def test_a_resource_offers_what_it_last_said_at_once(grid: Grid) -> None:
    """A worker forgets what it knew of a resource that signs up with other capabilities."""
    resource = grid.resource(NAME)
    resource.sign_off()

    resource.sign_up("<other> </other>")

    reply = grid.user().post("interface_project_resource_list")
    assert any("<other>" in resource for resource in reply.all("resource"))


@pytest.mark.slow
@pytest.mark.parametrize("call", ["interface_project_server_list", "interface_job_state"])
def test_a_new_master_is_named_within_two_seconds(grid: Grid, call: str) -> None:
    """The list of servers is fresh, the heads of other answers are a second old at most."""
    user = grid.user()
    user.post("interface_job_state", limit="0")
    grid.run("UPDATE active_resources SET url = 'https://moved.example.org/LGI' WHERE project_server = 1")
    if call == "interface_job_state":
        time.sleep(1.1)

    reply = user.post(call, limit="0")

    assert reply.value("project_master_server") == "https://moved.example.org/LGI"


def test_resources_and_servers_are_listed_as_they_were_registered(grid: Grid) -> None:
    """As LGI: the order is not that of the names, and does not depend on changes of rows."""
    names = ["zeus@cluster", "hera@cluster", "apollo@cluster"]
    for name in names:
        grid.resource(name)
        register(grid, f"LGI@{name.partition('@')[0]}.example", 0, role=2)
    grid.resource("zeus@cluster", "<other> </other>")

    resources = grid.user().post("interface_project_resource_list").all("resource")
    servers = grid.user().post("interface_project_server_list").all("project_server")

    assert [xml.value(text, "resource_name") for text in resources] == names
    assert [url.strip() for url in servers] == [
        f"https://{name.partition('@')[0]}.example/LGI" for name in names
    ]
