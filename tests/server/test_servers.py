"""The calls of project servers: changes made once each, in order."""

from collections.abc import Iterator, Mapping

import pytest

from lgi_protocol.client import Client
from lgi_protocol.credentials import Credentials
from lgi_protocol.errors import ErrorNumber, LGIError, ServerError
from lgi_protocol.reply import Reply
from lgi_server.services.project import administration, registration, replication
from lgi_server.services.project.registration import NewResource
from lgi_server.services.project.replication import LocalServer, Update
from tests.support.grid import PROJECT, SERVER_NAME, Grid
from tests.support.mariadb import PrivateMariaDB

GET, RUN = "servers/server_get_update", "servers/server_run_update"
DENY = "INSERT INTO users_denied SET user_name='{}',application='any'"


def master(grid: Grid) -> Client:
    """The master server itself, with its own certificate in the project."""
    ca = grid.directory / "ca"
    credentials = Credentials(ca / f"{SERVER_NAME}.key", ca / f"{SERVER_NAME}.crt", ca / "ca.crt")
    return Client(grid.url, credentials)


def push(client: Client, version: int, query: str, servers: str = "any") -> Reply:
    """A pushed change."""
    update = query.encode().hex()
    return client.post(
        RUN, {"project": PROJECT, "version": str(version), "servers": servers, "update": update}
    )


def denied(grid: Grid) -> list[object]:
    """The users that are denied."""
    return [row["user_name"] for row in grid.rows("SELECT user_name FROM users_denied ORDER BY user_name")]


def newest(grid: Grid) -> int:
    """The version of the last change."""
    return int(str(grid.rows("SELECT MAX(version) AS n FROM updates")[0]["n"]))


def refusal(client: Client, call: str, fields: Mapping[str, str]) -> int:
    """The error number of a refused call."""
    with pytest.raises(ServerError) as refused:
        client.post(call, {"project": PROJECT} | dict(fields))
    return refused.value.number


def test_the_first_newer_change_is_answered(grid: Grid) -> None:
    """updates = how many are newer; none: 0 and the newest version here."""
    client = master(grid)
    last = newest(grid)

    first = client.post(GET, {"project": PROJECT, "version": "0"})
    none = client.post(GET, {"project": PROJECT, "version": str(last)})
    ahead = client.post(GET, {"project": PROJECT, "version": "999999"})

    assert first.number("update", "updates") == len(grid.rows("SELECT version FROM updates"))
    query = bytes.fromhex(first.value("update", "update_query")).decode()
    assert query.startswith("INSERT INTO active_resources")
    assert first.value("requesting_project_server") == SERVER_NAME
    assert (none.value("update", "updates"), none.number("update", "update_version")) == ("0", last)
    assert (ahead.value("update", "updates"), ahead.number("update", "update_version")) == ("0", last)


def test_a_pushed_change_is_made_once(grid: Grid) -> None:
    """Newer by one: made and logged. Known already: ignored."""
    client = master(grid)
    version = newest(grid) + 1

    first = push(client, version, DENY.format("eve"))
    again = push(client, version, DENY.format("mallory"))

    assert (first.number("update", "update_version"), again.number("update", "update_version")) == (
        version,
        version,
    )
    assert first.value("update", "did_update_cyle") == "0"
    assert denied(grid) == ["eve"]
    assert newest(grid) == version


def test_a_change_for_other_servers_is_only_noted(grid: Grid) -> None:
    """Its version is recorded, and it is not made here."""
    version = newest(grid) + 1

    push(master(grid), version, DENY.format("eve"), "LGI@slave, x&y")

    assert denied(grid) == []
    assert newest(grid) == version


BAD = {
    "version missing": (GET, {}, 40),
    "version no number": (GET, {"version": "x"}, 40),
    "version too big": (GET, {"version": "1" * 10}, 59),
    "push: version no number": (RUN, {"version": "x", "servers": "any", "update": "41"}, 41),
    "push: version too big": (RUN, {"version": "1" * 10, "servers": "any", "update": "41"}, 59),
    "push: servers empty": (RUN, {"version": "1", "servers": "", "update": "41"}, 41),
    "push: servers too big": (RUN, {"version": "1", "servers": "s" * 255, "update": "41"}, 60),
    "push: update empty": (RUN, {"version": "1", "servers": "any", "update": ""}, 41),
    "push: update no hexadecimal": (RUN, {"version": "1", "servers": "any", "update": "xyz"}, 41),
    "push: update too big": (RUN, {"version": "1", "servers": "any", "update": "41" * 65355}, 61),
}


@pytest.mark.parametrize(("call", "fields", "number"), BAD.values(), ids=BAD.keys())
def test_bad_fields_get_their_error(grid: Grid, call: str, fields: dict[str, str], number: int) -> None:
    """40, 41, 59, 60, 61; nothing changes."""
    before = newest(grid)

    assert refusal(master(grid), call, fields) == number

    assert newest(grid) == before


@pytest.mark.parametrize(
    "query", ["DROP TABLE job_queue", "DELETE FROM job_queue WHERE job_id=1", "SELECT 1", "x" * 100]
)
def test_a_statement_that_servers_may_not_send_is_error_41(grid: Grid, query: str) -> None:
    """Ruling 5: one INSERT, UPDATE, REPLACE or DELETE on five tables; anything else is not even logged."""
    version = newest(grid) + 1

    with pytest.raises(ServerError) as refused:
        push(master(grid), version, query)

    assert refused.value.number == 41
    assert newest(grid) == version - 1


def test_a_gap_that_the_master_cannot_fill_leaves_the_version(grid: Grid) -> None:
    """Ruling 5: newer by more than one, after an update cycle. The scheduler is to fetch what is missing."""
    before = newest(grid)
    grid.run("DELETE FROM event_queue")

    reply = push(master(grid), before + 2, DENY.format("eve"))

    assert reply.number("update_version") == before + 2
    assert reply.value("update", "did_update_cyle") == "1"
    assert reply.number("update", "update_version") == newest(grid) == before
    assert denied(grid) == []
    # The server may store those of earlier submits now.
    events = grid.rows("SELECT event FROM event_queue WHERE event <> 'schedule_cycle'")
    assert [row["event"] for row in events] == ["check_updates"]
    push(master(grid), before + 1, DENY.format("mallory"))
    push(master(grid), before + 2, DENY.format("eve"))
    assert (newest(grid), denied(grid)) == (before + 2, ["eve", "mallory"])


def test_a_resource_is_no_project_server(grid: Grid) -> None:
    """Error 39 for both calls."""
    client = grid.resource().client

    assert refusal(client, GET, {"version": "0"}) == 39
    assert refusal(client, RUN, {}) == 39


def test_a_slave_may_ask_and_not_push(grid: Grid) -> None:
    """Ruling 5: updates are accepted from the master only."""
    issued = grid.people.resource("LGI@slave")
    slave = NewResource("LGI@slave", "https://slave.example/LGI", issued.certificate.read_text(), 2)
    grid.database.run(lambda transaction: registration.add_resource(transaction, slave, "any"))
    client = grid.client(issued)

    assert client.post(GET, {"project": PROJECT, "version": "0"}).number("update", "updates") > 0
    with pytest.raises(ServerError) as refused:
        push(client, newest(grid) + 1, DENY.format("eve"))
    assert refused.value.number == 39


@pytest.mark.slow
@pytest.mark.parametrize("embedded", [True, False], ids=["sqlite", "mariadb"])
def test_one_line_lets_the_master_run_any_statement(embedded: bool, request: pytest.FixtureRequest) -> None:
    """Ruling 5: unrestricted_updates = true; one statement still, and only for this server."""
    address = "sqlite:LGI.sqlite"
    if not embedded:
        server: PrivateMariaDB = request.getfixturevalue("private_mariadb")
        address = server.create_database("unrestricted")
    query = "UPDATE users_allowed SET job_limit = job_limit + 7 WHERE user_name LIKE 'a%' AND 1 < 2"
    made = Grid(address, {"unrestricted_updates": "true"})
    try:
        made.start()
        made.clear()
        version = newest(made) + 1

        push(master(made), version, query)
        push(master(made), version + 1, query, "LGI@slave")
        for wrong in ("UPDATE no_such_table SET a = 1", f"{query}; {query}"):
            with pytest.raises(ServerError):
                push(master(made), version + 2, wrong)

        assert made.rows("SELECT job_limit FROM users_allowed") == [{"job_limit": 7}]
        assert newest(made) == version + 1
    finally:
        made.remove()


def test_a_cycle_that_is_cut_goes_on_where_it_was(grid: Grid) -> None:
    """Each change and its version are stored together: none is made twice, none is passed over."""
    first = newest(grid) + 1
    queries = [
        "INSERT INTO users_denied SET user_name='eve',application='any'",
        "DELETE FROM users_denied WHERE user_name='eve'",
        "INSERT INTO users_denied SET user_name='mallory',application='any'",
    ]
    asked: list[int] = []

    def ask(version: int) -> Update | None:
        asked.append(version)
        if len(asked) == 2:
            raise LGIError(ErrorNumber.BACK_OFF)
        number = version + 1 - first
        return Update(version + 1, ("any",), queries[number]) if number < len(queries) else None

    with pytest.raises(LGIError):
        replication.cycle(grid.database, LocalServer("LGI@slave"), ask)
    cut = denied(grid)
    rest = replication.cycle(grid.database, LocalServer("LGI@slave"), ask)

    assert (cut, rest) == (["eve"], 2)
    assert asked == [first - 1, first, first, first + 1, first + 2]
    assert denied(grid) == ["mallory"]


def test_a_change_that_cannot_be_made_is_not_recorded(grid: Grid) -> None:
    """Or it would never be made: version and change are one transaction."""
    version = newest(grid) + 1
    grid.run("ALTER TABLE users_denied RENAME TO hidden")
    try:
        with pytest.raises(ServerError) as refused:
            push(master(grid), version, DENY.format("eve"))
    finally:
        grid.run("ALTER TABLE hidden RENAME TO users_denied")

    assert refused.value.number == 3
    assert newest(grid) == version - 1


@pytest.fixture
def slave(grid: Grid) -> Iterator[Grid]:
    """A second server, of the same authority, that knows the master and nothing else."""
    made = Grid(authority=grid.people.authority, server_name="LGI@slave")
    try:
        certificate = (grid.directory / "ca" / f"{SERVER_NAME}.crt").read_text()
        made.clear()
        made.run("DELETE FROM active_resources")
        made.run("DELETE FROM updates")
        made.run("DELETE FROM users_allowed")
        for name, url, role in ((SERVER_NAME, grid.url, 1), ("LGI@slave", made.url, 2)):
            pem = certificate if role == 1 else (grid.directory / "ca" / "LGI@slave.crt").read_text()
            made.run(
                "INSERT INTO active_resources (resource_name, resource_capabilities, client_certificate,"
                " project_server, url) VALUES (%s, '', %s, %s, %s)",
                *(name, pem, role, url),
            )
        new = NewResource("LGI@slave", made.url, (grid.directory / "ca" / "LGI@slave.crt").read_text(), 2)
        grid.database.run(lambda transaction: registration.add_resource(transaction, new, "any"))
        made.start()
        yield made
    finally:
        made.remove()


@pytest.mark.slow
def test_an_update_cycle_brings_a_slave_up_to_date(grid: Grid, slave: Grid) -> None:
    """A call without fields fetches updates from the master until there are no more; each is applied once."""
    client = Client(slave.url, master(grid).credentials)
    grid.database.run(lambda transaction: administration.deny(transaction, "user", "eve", "any", "LGI@slave"))

    reply = client.post(RUN, {"project": PROJECT})
    again = client.post(RUN, {"project": PROJECT})

    assert reply.value("update", "did_update_cyle") == "1"
    assert reply.number("update", "update_version") == newest(grid) == newest(slave)
    assert again.number("update", "update_version") == newest(grid)
    assert denied(slave) == ["eve"]
    names = [row["resource_name"] for row in slave.rows("SELECT resource_name FROM active_resources")]
    assert sorted(map(str, names)) == ["LGI@localhost", "LGI@slave"]


@pytest.mark.slow
def test_a_push_with_a_gap_runs_a_cycle_first(grid: Grid, slave: Grid) -> None:
    """Newer by more than one: what is missing comes from the master."""
    grid.database.run(lambda transaction: administration.deny(transaction, "user", "eve", "any", "any"))

    reply = push(Client(slave.url, master(grid).credentials), newest(grid), DENY.format("eve"))

    assert reply.value("update", "did_update_cyle") == "1"
    assert newest(slave) == newest(grid)
    assert denied(slave) == ["eve"]


@pytest.mark.slow
def test_a_push_with_a_gap_is_answered_while_the_master_is_away(grid: Grid, slave: Grid) -> None:
    """The answer has the unchanged version. A direct request for the cycle gets an error."""
    client = Client(slave.url, master(grid).credentials)
    client.post(RUN, {"project": PROJECT})
    before = newest(slave)
    grid.stop()
    try:
        reply = push(client, before + 2, DENY.format("eve"))
        number = refusal(client, RUN, {})
    finally:
        grid.start()

    assert reply.number("update", "update_version") == newest(slave) == before
    assert number == 1
    assert "check_updates" in {row["event"] for row in slave.rows("SELECT event FROM event_queue")}
