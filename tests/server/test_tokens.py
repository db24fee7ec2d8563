"""Tokens: what they are good for, what they are not, and what ends them (wire.md 7, ours)."""

import ssl
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import requests

from lgi_protocol.client import Client
from lgi_protocol.credentials import Credentials
from lgi_protocol.errors import ServerError
from lgi_protocol.https_session import session_with
from tests.server.test_repository import new_repository
from tests.support.grid import Grid, UserCalls, refusal, wait_for

NONE = Path("/not/there")


def new_token(user: UserCalls, **fields: str) -> str:
    """Make a token and return its text."""
    return user.post("interface_create_token", **fields).value("token", "token_text")


def bearer(grid: Grid, token: str) -> UserCalls:
    """Return the calls of a user who has a token and no certificate."""
    ca = grid.people.authority.ca_file
    client = Client(grid.url, Credentials(NONE, NONE, ca, token=token, server=grid.url))
    return UserCalls(client, "mark@laptop", "theor", grid.project)


def reason(user: UserCalls, call: str = "interface_job_state", **fields: str) -> str:
    """Return why a call is refused."""
    with pytest.raises(ServerError) as refused:
        user.post(call, **fields)
    return str(refused.value)


@pytest.fixture
def session(grid: Grid) -> Iterator[requests.Session]:
    """Requests without certificate or token."""
    ca = grid.people.authority.ca_file
    with session_with(ssl.create_default_context(cafile=ca), ca) as made:
        yield made


def test_a_token_stands_for_the_certificate_that_made_it(grid: Grid) -> None:
    """With its scope: to submit includes to read and to delete."""
    grid.resource()
    user = bearer(grid, new_token(grid.user(), scope="submit", token_name="notebook"))

    job_id = user.submit()
    state = user.state(job_id)
    user.delete(job_id)

    assert state == "queued"
    assert refusal(lambda: user.state(job_id)) == 15


def test_a_token_is_stored_as_its_hash_and_shown_once(grid: Grid) -> None:
    """Neither the database nor a list has it, nor does the log."""
    user = grid.user()
    token = new_token(user)
    secret = token.removeprefix("lgi_")

    listed = user.post("interface_list_tokens").content
    rows = grid.rows("SELECT * FROM api_tokens")
    bearer(grid, token).post("interface_job_state")

    assert len(token) == 47
    assert secret not in listed + str(rows) + grid.log.read_text()


def test_a_token_to_read_changes_nothing(grid: Grid) -> None:
    """A token has the least scope unless another one is asked for."""
    grid.resource()
    user = bearer(grid, new_token(grid.user()))
    job_id = grid.user().submit()

    assert user.state(job_id) == "queued"
    assert "its scope is read, and this needs submit" in reason(user, "interface_submit_job")
    assert refusal(lambda: user.delete(job_id)) == 2
    assert user.state(job_id) == "queued"


def test_a_token_makes_no_tokens_and_is_none_of_a_resource_or_page(grid: Grid) -> None:
    """Else who has found one could keep access for ever."""
    user = bearer(grid, new_token(grid.user(), scope="submit"))
    calls = ("interface_create_token", "interface_list_tokens", "interface_revoke_tokens")

    assert [user.refusal(call, token_ids="1") for call in calls] == [2, 2, 2]
    folders = ("resources/resource_signup_resource", "servers/server_run_update")
    for call in folders:
        with pytest.raises(ServerError) as refused:
            user.client.post(call, {"project": grid.project})
        assert refused.value.number == 2
    page = user.client.session.get(f"{grid.url}/basic_interface/index.php")
    assert "No valid client certificate" in page.text


def test_a_revoked_token_is_refused_at_once(grid: Grid) -> None:
    """And is not revoked twice; those of others are not found."""
    user = grid.user()
    made = user.post("interface_create_token")
    number, token = made.value("token", "token_id"), made.value("token", "token_text")
    holder = bearer(grid, token)
    holder.post("interface_job_state")

    assert grid.user("eve@x", ("theor",)).refusal("interface_revoke_tokens", token_ids=number) == 15
    holder.post("interface_job_state")
    user.post("interface_revoke_tokens", token_ids=number)

    assert "it is unknown, or was revoked" in reason(holder)
    assert user.refusal("interface_revoke_tokens", token_ids=number) == 15
    assert grid.rows("SELECT token_id FROM token_addresses") == []


def test_an_expired_token_is_refused_and_does_not_outlive_its_certificate(grid: Grid) -> None:
    """A token of a certificate that expires first expires with it."""
    token = new_token(grid.user(), life="3600")
    grid.run("UPDATE api_tokens SET expires = %s", int(time.time()) - 1)
    assert "it has expired: make a new one with LGI_token create" in reason(bearer(grid, token))

    made = grid.user().post("interface_create_token", life=str(366 * 86_400))
    limit = time.time() + 366 * 86_400 + 60
    assert time.time() < int(made.value("token", "expires")) < limit


@pytest.mark.parametrize(
    "token", ["x", "lgi_", "lgi_" + "a" * 42, "lgi_" + "a" * 44, "lgi_" + "ä" * 43, "lgi_" + "a" * 5000]
)
def test_a_malformed_token_is_refused_without_a_look_into_the_database(
    grid: Grid, session: requests.Session, token: str
) -> None:
    """Its error says what a token looks like."""
    answer = session.post(
        f"{grid.url}/interfaces/interface_job_state",
        headers={"Authorization": f"Bearer {token}".encode()},
        data={"project": grid.project, "user": "mark@laptop", "groups": "theor"},
    )

    assert "<number> 2 </number>" in answer.text
    assert "it is malformed: a token is lgi_ and 43 characters" in answer.text


def test_a_token_is_good_for_its_project_alone(grid: Grid) -> None:
    """Also where the certificate is good for all of them."""
    user = bearer(grid, new_token(grid.user()))

    assert user.refusal("interface_job_state", project="other") == 37
    assert grid.user().refusal("interface_job_state", project="other") == 4


def test_a_token_in_a_url_is_refused(grid: Grid) -> None:
    """Logs and histories keep URLs, so that it is no secret any more."""
    token = new_token(grid.user())
    user = bearer(grid, token)

    for query in (f"?token={token}", f"?a={token}", "?access_token=x"):
        answer = user.client.session.get(f"{grid.url}/interfaces/interface_job_state{query}")
        assert "never put a token into a URL" in answer.text


def test_an_unknown_token_is_not_a_certificate(grid: Grid) -> None:
    """A guess has the form of a token."""
    assert "it is unknown, or was revoked" in reason(bearer(grid, "lgi_" + "A" * 43))


def test_a_token_has_no_rights_of_administrators_unless_it_says_so(grid: Grid) -> None:
    """And whoever is no administrator gets none that says so."""
    grid.resource()
    admin = grid.user("root@x", ("admin", "theor"))
    job_id = grid.user().submit()
    plain, full = (
        replace(bearer(grid, new_token(admin, scope=scope)), name="root@x", groups="admin, theor")
        for scope in ("submit", "admin")
    )

    assert refusal(lambda: plain.state(job_id)) == 34
    assert full.state(job_id) == "queued"
    assert grid.user().refusal("interface_create_token", scope="admin") == 35


def test_an_administrator_revokes_tokens_of_others(grid: Grid) -> None:
    """As when a laptop is stolen."""
    token = new_token(grid.user())
    admin = grid.user("root@x", ("admin",))
    number = admin.post("interface_list_tokens", owner="mark@laptop").value("token", "token_id")

    admin.post("interface_revoke_tokens", owner="mark@laptop", token_ids=number)

    assert "revoked" in reason(bearer(grid, token))
    assert grid.user().refusal("interface_list_tokens", owner="root@x") == 35


def test_a_token_for_files_reads_and_writes_them_and_no_more(grid: Grid) -> None:
    """One to read reads them."""
    url, _directory = new_repository(grid)
    files, read = (bearer(grid, new_token(grid.user(), scope=scope)) for scope in ("files", "read"))

    assert files.client.session.put(f"{url}/data", data=b"content").status_code == 200
    assert read.client.session.get(f"{url}/data").content == b"content"
    assert read.client.session.put(f"{url}/data", data=b"other").status_code == 403
    assert read.client.session.delete(f"{url}/data").status_code == 403
    assert files.client.session.get(f"{url}/data").content == b"content"
    assert files.refusal("interface_job_state") == 2


def test_the_first_use_of_a_token_from_an_address_is_logged(grid: Grid) -> None:
    """Once; and its last use is in the list."""
    user = grid.user()
    token = new_token(user, token_name="laptop")
    holder = bearer(grid, token)

    for _ in range(3):
        holder.post("interface_job_state")
    (row,) = grid.rows("SELECT token_id FROM api_tokens")

    line = f"token {row['token_id']} 'laptop' of 'mark@laptop' is used from a new address"
    assert grid.log.read_text().count(line) == 1
    wait_for(lambda: user.post("interface_list_tokens").number("token", "last_used") > 0)


def test_tokens_of_a_user_are_limited(grid: Grid) -> None:
    """A loop that makes tokens fills no table; expired ones go."""
    user = grid.user()
    new_token(user)
    columns = "user_name, token_name, scopes, certificate, created, expires"
    for number in range(99):
        grid.run(
            f"INSERT INTO api_tokens (token_hash, {columns}) SELECT %s, {columns} FROM api_tokens LIMIT 1",
            str(number),
        )

    assert user.refusal("interface_create_token") == 33
    grid.run("UPDATE api_tokens SET expires = 1")
    assert new_token(user)
    assert len(grid.rows("SELECT token_id FROM api_tokens")) == 1


def test_a_resource_has_no_tokens(grid: Grid) -> None:
    """A token of one would be good where resources are asked for their certificate."""
    grid.resource("res1@cluster")
    client = grid.client(grid.people.resource("res1@cluster"))

    assert (
        UserCalls(client, "res1@cluster", "res1@cluster", grid.project).refusal("interface_create_token")
        == 33
    )


def test_a_token_of_a_group_reads_what_the_group_may_read(grid: Grid) -> None:
    """Not the private jobs of its maker; it changes nothing, and makes no tokens."""
    grid.resource()
    maker = grid.user()
    shared, private = (maker.submit(read_access=names) for names in ("mark@laptop, theor", "mark@laptop"))
    session = bearer(grid, new_token(maker, group="theor", token_name="board")).client.session
    url = f"{grid.url}/api/v1"

    assert [one["job_id"] for one in session.get(f"{url}/jobs").json()["jobs"]] == [shared]
    assert session.get(f"{url}/jobs/{private}").status_code == 403
    assert session.get(f"{url}/me").json()["user"] == "theor"
    files = session.get(f"{url}/jobs/{shared}/files").json()["repository_url"]
    assert session.put(f"{files}/x", data=b"x").status_code == 403
    for method, path in (
        ("DELETE", f"/jobs/{shared}"),
        ("POST", "/jobs"),
        ("POST", "/tokens"),
        ("GET", "/tokens"),
    ):
        json = {"application": "hello_world"} if path == "/jobs" else None
        assert session.request(method, url + path, json=json).status_code in {401, 403}
    calls = ("resources/resource_signup_resource", "servers/server_run_update")
    for call in calls:
        assert (
            "<number> 2 </number>" in session.post(f"{grid.url}/{call}", data={"project": grid.project}).text
        )
    assert maker.state(shared) == "queued"


def test_a_token_of_a_group_ends_with_the_revocation_of_its_maker(grid: Grid) -> None:
    """Also one that was made at the same moment, and so was not there to be removed."""
    session = bearer(grid, new_token(grid.user(), group="theor")).client.session
    before = session.get(f"{grid.url}/api/v1/jobs").status_code
    grid.run("INSERT INTO revoked_users VALUES ('mark@laptop', 1, 'carl@desk', '', 0)")

    assert before == 200
    assert session.get(f"{grid.url}/api/v1/jobs").status_code == 401


def test_a_token_of_a_group_is_made_by_its_members_to_read(grid: Grid) -> None:
    """None for another group, for all groups, for that of the administrators, or with another scope."""
    admin = grid.user("carl@desk", ("theor", "admin"))
    for user, group in (
        (grid.user(), "other"),
        (admin, "admin"),
        (grid.user("eve@x", ("any",)), "theor"),
        (grid.user("eve@x", ("any",)), "any"),
    ):
        assert user.refusal("interface_create_token", group=group) == 38
    assert grid.user().refusal("interface_create_token", group="theor", scope="submit") == 25
    assert grid.user().refusal("interface_create_token", group="theor", scope="read, files") == 25

    made = grid.user().post("interface_create_token", group="theor")

    assert made.value("token", "group") == "theor"
    listed = grid.user().post("interface_list_tokens").value("token", "group")
    assert listed == "theor"
