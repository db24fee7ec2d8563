"""Several projects on one server, each in a database of its own."""

from collections.abc import Iterator

import pytest

from lgi_protocol import API_VERSION, LGI_VERSION, xml
from lgi_protocol.errors import ServerError
from lgi_protocol.resource_api import ResourceCalls
from lgi_server.config import parser as configuration
from lgi_server.db import open_database, schema
from lgi_server.services.project import administration, registration
from lgi_server.services.project.registration import NewResource
from tests.support.grid import CAPABILITIES, SERVER_NAME, Grid, UserCalls

SECOND = """
[project SECOND]
database = sqlite:SECOND.sqlite
server_name = LGI@localhost
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Grid]:
    """A server with the projects LGI, its default, and SECOND."""
    made = Grid()
    try:
        made.config_file.write_text(made.config_file.read_text() + SECOND)
        database = open_database(configuration.load(made.config_file).projects["SECOND"].database)
        schema.make(database)
        certificate = (made.people.authority.directory / f"{SERVER_NAME}.crt").read_text()
        master = NewResource(SERVER_NAME, made.url, certificate, 1)
        database.run(lambda transaction: registration.add_resource(transaction, master, "any"))
        database.run(
            lambda transaction: administration.allow(transaction, "user", "any", "any", 0, servers="any")
        )
        issued = made.people.resource("res2@cluster")
        other = NewResource("res2@cluster", "res2@cluster", issued.certificate.read_text())
        database.run(lambda transaction: registration.add_resource(transaction, other, "any"))
        database.close()
        made.start()
        made.clear()
        made.resource("res1@cluster")
        ResourceCalls(made.client(issued), "SECOND").sign_up(CAPABILITIES)
        yield made
    finally:
        made.remove()


@pytest.mark.slow
def test_projects_keep_jobs_and_resources_apart(server: Grid) -> None:
    """A job of one is unknown in the other, and so is a resource."""
    user = server.user()

    first = user.submit()
    second = user.submit(project="SECOND")
    user.submit(project="SECOND")

    assert (user.state(first), second) == ("queued", 1)
    assert user.post("interface_job_state", project="SECOND").number("number_of_jobs") == 2
    assert user.post("interface_job_state", project="LGI").number("number_of_jobs") == 1
    assert user.refusal("interface_job_state", project="LGI", job_id="2") == 15
    names = user.post("interface_project_resource_list", project="SECOND").content
    assert "res2@cluster" in names
    assert "res1@cluster" not in names
    with pytest.raises(ServerError) as refused:
        ResourceCalls(server.client(server.people.resource("res1@cluster")), "SECOND").sign_up()
    assert refused.value.number == 5


def test_a_submit_that_one_project_forbids_may_be_allowed_by_the_other(server: Grid) -> None:
    """Users and groups are allowed and denied by each project for itself."""
    user = server.user("dora@desk", ("theor",))
    fields = {"application": "hello_world", "target_resources": "any"}
    server.run("INSERT INTO users_denied VALUES ('dora@desk', 'any')")

    assert user.refusal("interface_submit_job", project="LGI", **fields) == 33
    assert user.refusal("interface_submit_job", project="SECOND", **fields) == 0


def test_a_call_without_a_project_is_for_the_default_one(server: Grid) -> None:
    """An empty project counts as none."""
    assert server.user().post("interface_project_server_list", project="").value("project") == "LGI"


@pytest.mark.parametrize("project", ["mysql", "information_schema", "lgi", "LGI.sqlite", "../SECOND"])
def test_a_project_nobody_configured_is_error_4(server: Grid, project: str) -> None:
    """Ruling 3: names match exactly, whatever the database server may hold."""
    assert server.user().refusal("interface_project_server_list", project=project) == 4


def test_a_certificate_for_one_project_is_none_for_the_other(server: Grid) -> None:
    """37 where its list does not have the project."""
    issued = server.people.user("carol@desk", ("theor",), ("SECOND",))
    carol = UserCalls(server.client(issued), "carol@desk", "theor")

    assert carol.post("interface_project_server_list", project="SECOND").value("project") == "SECOND"
    assert carol.refusal("interface_project_server_list", project="LGI") == 37


@pytest.mark.slow
def test_every_answer_says_our_version_and_the_protocols(server: Grid) -> None:
    """Ruling 8: LGI_version is ours, from 1.41.0 on; API_version is 1.32."""
    reply = server.user().post("interface_project_server_list")

    assert xml.value(reply.envelope, "LGI_version") == LGI_VERSION
    assert tuple(map(int, LGI_VERSION.split("."))) >= (1, 41, 0)
    assert (xml.value(reply.envelope, "API_version"), API_VERSION) == ("1.32", "1.32")
