"""Administration over HTTP: who may, what is changed, and what ends it (docs/api.md)."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from lgi_protocol.client import Client
from lgi_protocol.credentials import Credentials
from tests.server.test_json_api import Api
from tests.server.test_tokens import NONE, new_token
from tests.support.grid import Grid, UserCalls, refusal
from tests.support.manage_db import manage

ADMIN = ("theor", "admin")


def administrator(grid: Grid, name: str = "carl@desk") -> Api:
    """Return the JSON view for an administrator, whom ManageDB has put on the list."""
    assert manage(grid, "add", "users", "admin", "--name", name).returncode == 0
    return certified(grid, name)


def certified(grid: Grid, name: str = "carl@desk", groups: tuple[str, ...] = ADMIN) -> Api:
    """Return the JSON view for the holder of a certificate."""
    return Api(grid.user(name, groups).client.session, grid.url)


def with_token(grid: Grid, token: str) -> Api:
    """Return the JSON view for the holder of a token."""
    ca = grid.people.authority.ca_file
    return Api(Client(grid.url, Credentials(NONE, NONE, ca, token=token, server=grid.url)).session, grid.url)


def change(api: Api, method: str, path: str, json: Any = None, status: int = 200) -> Any:
    """Make a change and return its answer."""
    answer = api.ask(method, f"/admin{path}", json)
    assert answer.status_code == status, answer.text
    return answer.json()


def denial(api: Api, method: str = "GET", path: str = "/log", json: Any = None) -> tuple[int, str]:
    """Return status and detail of a call that is refused."""
    answer = api.ask(method, f"/admin{path}", json)
    return answer.status_code, answer.json().get("detail", "")


def test_an_administrator_has_the_group_and_is_on_the_list(grid: Grid) -> None:
    """Neither alone is enough, nor is a token without the scope, nor one of somebody who left the list."""
    users = {
        name: certified(grid, name, groups) for name, groups in (("carl@desk", ADMIN), ("eve@x", ("a",)))
    }
    token = new_token(grid.user("carl@desk", ADMIN), scope="submit")
    good = new_token(grid.user("carl@desk", ADMIN), scope="admin")

    assert denial(users["carl@desk"])[0] == 403
    assert "ManageDB add users admin --name carl@desk" in denial(users["carl@desk"])[1]
    for name in users:
        manage(grid, "add", "users", "admin", "--name", name)
    assert users["carl@desk"].get("/admin/log")["entries"] != []
    assert denial(users["eve@x"]) == (
        403,
        "Only administrators may do this: the certificate of eve@x is not for the group admin",
    )
    assert "its scope is submit, and this needs admin" in denial(with_token(grid, token))[1]
    assert with_token(grid, good).get("/admin/administrators")["administrators"][0]["name"] == "carl@desk"
    change(users["carl@desk"], "DELETE", "/administrators?name=carl@desk")
    assert [denial(one)[0] for one in (users["carl@desk"], with_token(grid, good))] == [403, 403]


CHANGES = [
    ("PUT", "/rules", {"kind": "user", "rule": "denied", "name": "any", "application": "any"}),
    ("DELETE", "/rules?kind=user&rule=allowed&name=any", None),
    ("PUT", "/shares", {"kind": "user", "name": "eve@x", "weight": "1000"}),
    ("DELETE", "/resources?name=res1@cluster", None),
    ("POST", "/resources/drain", {"name": "res1@cluster"}),
    ("POST", "/administrators", {"name": "eve@x"}),
    ("DELETE", "/administrators?name=carl@desk", None),
    ("POST", "/revocations", {"name": "carl@desk"}),
    ("POST", "/undo", {"version": 2}),
    ("PUT", "/urgent", {"name": "a", "job_limit": 9}),
    ("PUT", "/mail", {"name": "carl@desk", "address": "eve@example.org"}),
]


def test_a_user_changes_nothing_as_an_administrator(grid: Grid) -> None:
    """With a certificate or a token; a group that is posted is none of the certificate."""
    grid.resource()
    administrator(grid)
    eve = certified(grid, "eve@x", ("a",))
    holder = with_token(grid, new_token(grid.user("eve@x", ("a",)), scope="submit"))
    tables = ("users_allowed", "users_denied", "share_weights", "active_resources", "administrators")
    before = [grid.rows(f"SELECT COUNT(*) AS n FROM {table}") for table in (*tables, "administration_log")]

    for method, path, json in CHANGES:
        mark = "&" if "?" in path else "?"
        assert denial(eve, method, f"{path}{mark}groups=admin", json)[0] == 403
        assert denial(eve, method, path, json)[0] == 403
        assert denial(holder, method, path, json)[0] == 403

    assert before == [
        grid.rows(f"SELECT COUNT(*) AS n FROM {table}") for table in (*tables, "administration_log")
    ]


def test_a_token_of_scope_admin_is_made_by_administrators(grid: Grid) -> None:
    """A user gets none, and a certificate for any group is none of an administrator."""
    assert grid.user("eve@x", ("a",)).refusal("interface_create_token", scope="admin") == 35
    manage(grid, "add", "users", "admin", "--name", "any@desk")
    assert denial(certified(grid, "any@desk", ("any",)))[0] == 403


def test_rules_are_set_listed_and_removed(grid: Grid) -> None:
    """They are those of ManageDB, are recorded as updates, and are undone."""
    api = administrator(grid)
    rule = {"kind": "user", "name": "mark@laptop", "application": "vasp"}

    made = change(api, "PUT", "/rules", {**rule, "rule": "allowed", "job_limit": -7})
    change(api, "PUT", "/rules", {**rule, "rule": "denied"})
    allowed = api.get("/admin/rules?kind=user&rule=allowed&name=mark@laptop")["rules"]
    last = api.get("/admin/undo")
    undone = change(api, "POST", "/undo", {"version": last["version"]})
    stale = denial(api, "POST", "/undo", {"version": last["version"]})
    removed = change(api, "DELETE", "/rules?kind=user&rule=allowed&name=mark@laptop")

    assert allowed == [{"name": "mark@laptop", "application": "vasp", "job_limit": -7}]
    assert last["version"] == made["version"] + 1
    assert last["description"] == "deny user mark@laptop, application vasp"
    assert undone["version"] == last["version"] + 1
    assert stale[0] == 400
    assert "nothing was undone" in stale[1]
    assert removed["version"] == undone["version"] + 1
    assert "mark@laptop" not in manage(grid, "list", "users", "allowed").stdout
    assert (
        "there is no such rule" in denial(api, "DELETE", "/rules?kind=user&rule=allowed&name=mark@laptop")[1]
    )


@pytest.mark.parametrize(
    ("method", "path", "json"),
    [
        ("PUT", "/rules", {"kind": "job", "rule": "allowed", "name": "a", "application": "any"}),
        ("PUT", "/rules", {"kind": "user", "rule": "x; DROP", "name": "a", "application": "any"}),
        ("PUT", "/rules", {"kind": "user", "rule": "allowed", "name": "a,b", "application": "any"}),
        ("PUT", "/rules", {"kind": "user", "rule": "allowed", "name": "a", "application": "a b"}),
        (
            "PUT",
            "/rules",
            {"kind": "user", "rule": "allowed", "name": "a\n", "application": "any", "job_limit": "x"},
        ),
        ("DELETE", "/rules?kind=user&rule=allowed", None),
        ("DELETE", "/rules?kind=user&rule=allowed&name=any&servers=nobody", None),
        ("PUT", "/shares", {"kind": "user", "name": "a", "weight": "nan"}),
        ("PUT", "/urgent", {"name": "any", "job_limit": 1}),
        ("POST", "/resources", {"name": "a@b", "url": "a@b", "certificate": "none"}),
        ("POST", "/resources/drain", {"name": "nobody@cluster"}),
        ("POST", "/resources/resume", {"name": "res1@cluster"}),
        ("PUT", "/mail", {"name": "a", "address": "x\r\nBcc: all"}),
        ("POST", "/administrators", {"name": "any"}),
        ("POST", "/administrators", {"name": ""}),
        ("POST", "/revocations", {"name": "any"}),
        ("POST", "/undo", {"version": 99_999}),
        ("PUT", "/rules", {"kind": "user", "rule": "allowed", "name": "a" * 300, "application": "any"}),
    ],
)
def test_bad_input_changes_nothing(grid: Grid, method: str, path: str, json: Any) -> None:
    """Each is refused with its reason; the log has no entry of it."""
    grid.resource()
    api = administrator(grid)
    before = (grid.rows("SELECT * FROM updates"), api.get("/admin/log"))

    status, why = denial(api, method, path, json)

    assert status == 400
    assert why
    assert (grid.rows("SELECT * FROM updates"), api.get("/admin/log")) == before


def test_a_resource_is_registered_drained_and_removed(grid: Grid) -> None:
    """As by ManageDB; a second master is refused."""
    api, issued = administrator(grid), grid.people.resource("res1@cluster")
    new = {"name": "res1@cluster", "url": "res1@cluster", "certificate": issued.certificate.read_text()}

    assert denial(api, "POST", "/resources", {**new, "role": "master"})[0] == 400
    change(api, "POST", "/resources", new, 201)
    change(api, "POST", "/resources/drain", {"name": "res1@cluster", "reason": "disks"})
    (drained,) = [one for one in api.get("/admin/resources")["resources"] if one["role"] == "resource"]
    change(api, "POST", "/resources/resume", {"name": "res1@cluster"})
    change(api, "DELETE", "/resources?name=res1@cluster")

    assert (drained["drain_reason"], drained["drained_since"] > 0) == ("disks", True)
    assert [one["role"] for one in api.get("/admin/resources")["resources"]] == ["master"]


def test_shares_urgent_rights_and_mail_addresses_are_managed(grid: Grid) -> None:
    """They are those that ManageDB lists."""
    api = administrator(grid)

    change(api, "PUT", "/shares", {"kind": "group", "name": "theor", "weight": "2.5"})
    change(api, "PUT", "/urgent", {"name": "theor", "job_limit": 2})
    change(api, "PUT", "/mail", {"name": "mark@laptop", "address": "mark@example.org"})

    assert api.get("/admin/shares?kind=group")["shares"] == [{"name": "theor", "weight": 2.5}]
    assert api.get("/admin/urgent")["rights"] == [{"name": "theor", "job_limit": 2, "used": 0}]
    assert api.get("/admin/mail")["mails"] == [{"name": "mark@laptop", "address": "mark@example.org"}]
    assert "2.5" in manage(grid, "list", "groups", "share").stdout
    for path in ("/shares?kind=group&name=theor", "/urgent?name=theor", "/mail?name=mark@laptop"):
        change(api, "DELETE", path)
        assert denial(api, "DELETE", path)[0] == 400
    assert api.get("/admin/rules?kind=group&rule=allowed")["rules"] == []


def test_a_revoked_user_is_refused_at_the_next_call_while_jobs_go_on(grid: Grid) -> None:
    """By certificate, token, file and page; a readmitted user needs new tokens."""
    resource = grid.resource()
    user, api = grid.user(), administrator(grid)
    token = new_token(user, scope="submit")
    job_id = user.submit()
    files = user.post("interface_job_state", job_id=str(job_id)).value("job", "job_specifics")
    address = files.partition("<repository_url>")[2].partition("</")[0].strip()
    holder = with_token(grid, token)

    change(api, "POST", "/revocations", {"name": "mark@laptop", "reason": "left"}, 201)

    assert user.refusal("interface_job_state") == 2
    assert refusal(user.submit) == 2
    assert holder.ask("GET", "/jobs").status_code == 401
    assert user.client.session.get(f"{address}/x").status_code == 403
    resource.lock(str(job_id))
    (listed,) = api.get("/admin/revocations")["revocations"]
    assert (listed["name"], listed["revoked_by"], listed["reason"]) == ("mark@laptop", "carl@desk", "left")
    assert api.get("/admin/rules?kind=user&rule=denied")["rules"] == [
        {"name": "mark@laptop", "application": "any"}
    ]

    change(api, "DELETE", "/revocations?name=mark@laptop")
    assert user.submit()
    assert holder.ask("GET", "/jobs").status_code == 401
    assert api.get("/admin/rules?kind=user&rule=denied")["rules"] == []


def test_a_page_of_a_revoked_user_says_so(grid: Grid) -> None:
    """As all pages are refused."""
    change(administrator(grid), "POST", "/revocations", {"name": "mark@laptop"}, 201)

    page = grid.user().client.session.get(f"{grid.url}/basic_interface/{grid.project}")

    assert "An administrator has revoked the user mark@laptop" in page.text


def test_a_revoked_administrator_sees_no_metrics_and_no_news(grid: Grid) -> None:
    """Neither is a call or a page, and each asks for the revocation itself."""
    api, other = administrator(grid), certified(grid, "dora@desk")
    news = f"{grid.url}/basic_interface/{grid.project}/news/jobs?whose=all&since=1"
    before = other.session.get(f"{grid.url}/metrics").status_code
    change(api, "POST", "/revocations", {"name": "dora@desk"}, 201)

    assert before == 200
    assert other.session.get(f"{grid.url}/metrics").status_code == 403
    assert "An administrator has revoked the user dora@desk" in other.session.get(news).text
    assert api.session.get(f"{grid.url}/metrics").status_code == 200


def test_a_key_beside_a_certificate_is_not_stored(grid: Grid) -> None:
    """Files may have both; what is registered is sent to other servers."""
    api, issued = administrator(grid), grid.people.resource("res1@cluster")
    both = issued.key.read_text() + issued.certificate.read_text()
    new = {"name": "res1@cluster", "url": "res1@cluster", "certificate": both}

    change(api, "POST", "/resources", new, 201)

    stored = grid.rows("SELECT client_certificate FROM active_resources WHERE resource_name = 'res1@cluster'")
    assert stored == [{"client_certificate": issued.certificate.read_text()}]


def test_the_last_administrator_stays(grid: Grid) -> None:
    """Neither removed nor revoked, by HTTP or by ManageDB."""
    api = administrator(grid)

    assert "carl@desk is the last administrator" in denial(api, "DELETE", "/administrators?name=carl@desk")[1]
    assert "the last administrator" in denial(api, "POST", "/revocations", {"name": "carl@desk"})[1]
    assert "the last administrator" in manage(grid, "del", "users", "admin", "--name", "carl@desk").stderr
    change(api, "POST", "/administrators", {"name": "dora@desk"}, 201)
    change(certified(grid, "dora@desk"), "POST", "/revocations", {"name": "carl@desk"}, 201)
    assert denial(api)[0] == 401
    assert denial(certified(grid, "dora@desk"), "POST", "/administrators", {"name": "carl@desk"})[0] == 400


def test_two_administrators_who_remove_each_other_leave_one(grid: Grid) -> None:
    """In any order."""
    first, second = administrator(grid), administrator(grid, "dora@desk")

    with ThreadPoolExecutor(2) as pool:
        answers = list(
            pool.map(
                lambda one: one[0].ask("DELETE", f"/admin/administrators?name={one[1]}").status_code,
                ((first, "dora@desk"), (second, "carl@desk")),
            )
        )

    assert sorted(answers)[0] == 200
    assert sorted(answers)[1] in {400, 403}
    assert len(grid.rows("SELECT user_name FROM administrators")) == 1


def test_the_log_says_what_was_changed_by_whom_and_when(grid: Grid) -> None:
    """Also by a token and by ManageDB; pages of it are joined by their cursor."""
    api = administrator(grid)
    made = grid.user("carl@desk", ADMIN).post("interface_create_token", scope="admin")
    holder = with_token(grid, made.value("token", "token_text"))

    for weight in ("2", "3"):
        change(holder, "PUT", "/shares", {"kind": "user", "name": "mark@laptop", "weight": weight})
    manage(grid, "del", "users", "share", "--name", "mark@laptop")
    page = api.get("/admin/log?limit=2")
    rest = api.get(f"/admin/log?limit=2&before={page['next']}")

    entries = [*page["entries"], *rest["entries"]]
    assert [one["description"] for one in entries] == [
        "give user mark@laptop the weight that everybody has",
        "give user mark@laptop the weight 3",
        "give user mark@laptop the weight 2",
        "add administrator carl@desk",
    ]
    assert entries[1]["means"] == f"token {made.value('token', 'token_id')}"
    assert (entries[1]["changed_by"], entries[0]["means"]) == ("carl@desk", "ManageDB")
    assert "next" not in rest
    assert "the weight 3" in manage(grid, "list", "log").stdout


def test_a_slave_refuses_recorded_changes_and_takes_its_own(grid: Grid) -> None:
    """A revocation concerns this server alone there."""
    api = administrator(grid)
    grid.run("UPDATE active_resources SET project_server = 2")
    grid.run(
        "INSERT INTO active_resources (resource_name, resource_capabilities, client_certificate,"
        " last_call_time, project_server, url) VALUES ('master@x', '', '', 0, 1, 'https://localhost:1/LGI')"
    )
    rule = {"kind": "user", "rule": "denied", "name": "mark@laptop", "application": "any"}
    before = grid.rows("SELECT * FROM updates")

    status, why = denial(api, "PUT", "/rules", rule)
    change(api, "PUT", "/shares", {"kind": "user", "name": "mark@laptop", "weight": "2"})
    made = change(api, "POST", "/revocations", {"name": "mark@laptop"}, 201)

    assert (status, "is not the project's master server" in why) == (400, True)
    assert made == {"version": 0}
    assert grid.user().refusal("interface_job_state") == 2
    assert grid.rows("SELECT * FROM updates") == before


def test_a_browser_and_a_resource_are_refused(grid: Grid) -> None:
    """A page of another site cannot make these calls with the certificate of an administrator."""
    api = administrator(grid)
    headers = {"Origin": "https://evil.example.org"}
    sent = api.session.post(
        f"{grid.url}/api/v1/admin/revocations", json={"name": "mark@laptop"}, headers=headers
    )
    calls = grid.resource()
    session: requests.Session = calls.client.session

    assert sent.status_code == 403
    assert session.get(f"{grid.url}/api/v1/admin/log").status_code == 403
    assert isinstance(grid.user(), UserCalls)
    assert api.get("/admin/revocations")["revocations"] == []


def test_an_administrator_revokes_tokens_of_all(grid: Grid) -> None:
    """Those of groups too, whose members may have left; the log says so."""
    api = administrator(grid)
    token = new_token(grid.user(), group="theor")
    new_token(grid.user("eve@x", ("a",)))
    holder = with_token(grid, token)

    first = api.get("/admin/tokens?limit=1")
    rest = api.get(f"/admin/tokens?limit=1&after={first['next']}")
    (number,) = [one["token_id"] for one in first["tokens"]]
    assert (first["tokens"][0]["user"], first["tokens"][0]["group"]) == ("mark@laptop", "theor")
    assert (rest["tokens"][0]["user"], "next" in rest) == ("eve@x", False)
    assert "token_text" not in first["tokens"][0]
    assert holder.ask("GET", "/jobs").status_code == 200
    change(api, "DELETE", f"/tokens?token_id={number}")

    assert holder.ask("GET", "/jobs").status_code == 401
    assert denial(api, "DELETE", f"/tokens?token_id={number}")[0] == 400
    entry = api.get("/admin/log?limit=1")["entries"][0]
    assert entry["description"] == f"revoke token {number} of mark@laptop, of group theor"
