"""The JSON view: the calls of users at /api/v1, with a token or a certificate."""

import json
from dataclasses import dataclass
from typing import Any

import pytest
import requests

from lgi_server import interfaces
from lgi_server.json_api import blueprint, values
from make import openapi
from tests.server.test_tokens import bearer, new_token
from tests.support.grid import Grid, wait_for


@dataclass
class Api:
    """Requests of the JSON view."""

    session: requests.Session
    url: str

    def ask(self, method: str, path: str, json: Any = None, **more: Any) -> requests.Response:
        """Make a request, and check that its answer is JSON."""
        answer = self.session.request(method, f"{self.url}/api/v1{path}", json=json, **more)
        kind = "application/json" if answer.status_code < 400 else "application/problem+json"
        assert answer.status_code == 304 or answer.headers["Content-Type"] == kind, answer.text
        return answer

    def get(self, path: str, **more: Any) -> Any:
        """Return what a GET answers."""
        answer = self.ask("GET", path, **more)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def submit(self, **job: Any) -> Any:
        """Return a new job."""
        answer = self.ask("POST", "/jobs", {"application": "hello_world", **job})
        assert answer.status_code == 201, answer.text
        return answer.json()


@pytest.fixture
def api(grid: Grid) -> Api:
    """The JSON view for the holder of a token to submit."""
    grid.resource()
    return Api(bearer(grid, new_token(grid.user(), scope="submit")).client.session, grid.url)


def test_a_job_is_submitted_read_and_deleted(api: Api) -> None:
    """Input is text, lists are arrays, numbers are numbers."""
    made = api.submit(input="größe", name="sweep", labels=["kind=md"], priority=-3, read_access=["bob@desk"])
    job_id = made["job_id"]

    found = api.get(f"/jobs/{job_id}")
    listed = api.get("/jobs?state=queued&name=sweep&labels=kind%3Dmd")["jobs"]
    deleted = api.ask("DELETE", f"/jobs/{job_id}")

    assert (found["input"], found["labels"], found["priority"]) == ("größe", ["kind=md"], -3)
    assert found["owners"] == ["mark@laptop", "theor", "cyttron"]
    assert "bob@desk" in found["read_access"]
    assert [one["job_id"] for one in listed] == [job_id]
    assert listed[0]["target_resources"] == ["any"]
    assert deleted.status_code == 200
    assert api.ask("GET", f"/jobs/{job_id}").json()["lgi_error"] == 15


def test_a_certificate_is_as_good_as_a_token(grid: Grid, api: Api) -> None:
    """The groups are those of the certificate; a page of a list is the same."""
    own = Api(grid.user().client.session, grid.url)
    api.submit()

    assert own.get("/jobs") == api.get("/jobs")
    assert own.get("/me")["groups"] == ["mark@laptop", "theor", "cyttron"]
    assert api.get("/me")["scope"] == ["submit"]


def test_a_cursor_leads_through_all_jobs_while_others_are_submitted(api: Api) -> None:
    """Newest first, each once."""
    made = [api.submit()["job_id"] for _ in range(5)]
    seen, path = [], "/jobs?limit=2"
    while path:
        page = api.get(path)
        seen += [one["job_id"] for one in page["jobs"]]
        path = f"/jobs?limit=2&cursor={page['next']}" if "next" in page else ""
        api.submit()

    assert seen == made[::-1]
    assert api.ask("GET", "/jobs?cursor=x").status_code == 400


def test_an_answer_that_did_not_change_is_not_sent_again(api: Api) -> None:
    """By its ETag."""
    api.submit()
    tag = api.ask("GET", "/jobs").headers["ETag"]

    assert api.ask("GET", "/jobs", headers={"If-None-Match": tag}).status_code == 304
    api.submit()
    assert api.ask("GET", "/jobs", headers={"If-None-Match": tag}).status_code == 200


def test_a_submit_with_the_same_key_makes_one_job(api: Api) -> None:
    """As request_id does; another job with it is refused."""
    first, again, other = (
        api.ask(
            "POST", "/jobs", {"application": "hello_world", "input": text}, headers={"Idempotency-Key": "k1"}
        )
        for text in ("a", "a", "b")
    )

    assert first.json()["job_id"] == again.json()["job_id"]
    assert other.status_code == 403
    assert other.json()["lgi_error"] == 33


def test_many_jobs_are_submitted_at_once(api: Api) -> None:
    """Each is judged by itself; the key of the request makes that of each."""
    jobs = [{"application": "hello_world", "input": "1"}, {"application": "unknown"}]

    first, again = (
        api.ask("POST", "/jobs/batch", {"jobs": jobs}, headers={"Idempotency-Key": "b"}).json()["jobs"]
        for _ in range(2)
    )

    assert first[0]["job_id"] == again[0]["job_id"]
    assert first[0]["state"] == "queued"
    assert first[1]["error"]["number"] == 70


def test_an_array_is_submitted_in_several_requests(api: Api) -> None:
    """Its key joins them; its progress is in the list of arrays."""
    array = {"key": "sweep", "size": 3, "at_most": 1}
    parts = ([1, 2], [3])

    made = [
        api.ask(
            "POST",
            "/jobs/batch",
            {
                "array": array,
                "jobs": [
                    {"application": "hello_world", "array_index": index, "request_id": f"e{index}"}
                    for index in part
                ],
            },
        ).json()
        for part in parts
    ]

    assert made[0]["array_id"] == made[1]["array_id"]
    (found,) = api.get("/arrays")["arrays"]
    assert (found["array_size"], found["number_of_jobs"], found["at_most"]) == (3, 3, 1)
    elements = api.get(f"/jobs?array_id={found['array_id']}&limit=2")
    rest = api.get(f"/jobs?array_id={found['array_id']}&cursor={elements['next']}")
    assert [one["array_index"] for one in (*elements["jobs"], *rest["jobs"])] == [1, 2, 3]


def test_jobs_are_held_released_shared_and_ordered(api: Api) -> None:
    """By their numbers, each with its outcome."""
    job_id = api.submit()["job_id"]
    ids = {"job_ids": [job_id, 99_999]}

    held = api.ask("POST", "/jobs/hold", ids | {"text": "wait"}).json()["jobs"]
    shared = api.ask("POST", "/jobs/share", ids | {"read_access": ["eve@x"]}).json()["jobs"]
    ordered = api.ask("POST", "/jobs/prioritize", ids | {"priority": 5}).json()["jobs"]
    why = api.get(f"/jobs/{job_id}/explanation")
    released = api.ask("POST", "/jobs/release", ids).json()["jobs"]

    assert held[0]["holds"][0]["text"] == "wait"
    assert held[1]["error"]["number"] == 15
    assert "eve@x" in shared[0]["read_access"]
    assert ordered[0]["priority"] == 5
    assert why["reason"] == "on_hold"
    assert "holds" not in released[0]


def test_files_of_a_job_are_listed_with_their_address_which_takes_the_token(api: Api) -> None:
    """They are the files of the repository."""
    job_id = api.submit(hold=True)["job_id"]
    address = api.get(f"/jobs/{job_id}/files")["repository_url"]

    assert api.session.put(f"{address}/data.txt", data=b"content").status_code == 200
    listed = {one["file_name"]: one["size"] for one in api.get(f"/jobs/{job_id}/files")["files"]}
    assert listed["data.txt"] == 7
    assert api.session.get(f"{address}/data.txt").content == b"content"
    found = api.session.get(f"{api.url}/api/v1/jobs/{job_id}/files/data.txt")
    assert (found.url, found.content) == (f"{address}/data.txt", b"content")
    assert api.session.get(f"{api.url}/api/v1/jobs/99999/files/data.txt").status_code == 404


def test_the_address_of_files_is_that_behind_all_that_a_user_wrote() -> None:
    """What is before it is not read: a list has megabytes of that."""
    address = "<repository_url> https://lgi.example.org/r </repository_url>"

    assert values.repository_url(f"</x> {address}") == {"repository_url": "https://lgi.example.org/r"}
    assert values.repository_url(f"<a> 1 </a> <!-- {address} --> ") == {}
    assert values.repository_url("") == {}


def test_a_project_is_listed_with_all_it_has(api: Api) -> None:
    """Resources, applications, usage, arrays, history, progress."""
    job_id = api.submit()["job_id"]

    assert api.get("/resources")["resources"][0]["resource_name"] == "res1@cluster"
    assert api.get("/applications") == {
        "applications": [{"application": "hello_world", "offered_by": ["res1@cluster"]}]
    }
    assert api.get("/usage?kind=group")["usages"] == []
    assert api.get("/arrays") == {"arrays": []}
    assert api.get(f"/jobs/{job_id}/history")["changes"][0]["new_state"] == "queued"
    assert api.get("/progress")["counts"] == [{"state": "queued", "number_of_jobs": 1}]
    assert api.get(f"/jobs/{job_id}/output")["tail"] == ""


def test_a_request_waits_for_the_end_of_a_job(grid: Grid, api: Api) -> None:
    """Until its state is not the known one."""
    job_id = api.submit()["job_id"]
    assert api.get(f"/jobs/{job_id}?wait=30&state=running")["state"] == "queued"

    grid.set_job(job_id, state="finished")
    wait_for(lambda: api.get(f"/jobs/{job_id}?wait=60&state=queued")["state"] == "finished")


BODIES = {
    "nothing": b"",
    "no JSON": b"{",
    "no object": b"[]",
    "twice": b'{"application": "hello_world", "application": "x"}',
    "NaN": b'{"application": "hello_world", "priority": NaN}',
    "infinity": b'{"application": "hello_world", "priority": -Infinity}',
    "a huge number": b'{"application": "hello_world", "priority": ' + b"9" * 5000 + b"}",
    "a large number": b'{"application": "hello_world", "priority": ' + b"9" * 30 + b"}",
    "a float": b'{"application": "hello_world", "priority": 1.0}',
    "a boolean": b'{"application": "hello_world", "priority": true}',
    "null": b'{"application": null}',
    "a list": b'{"application": ["hello_world"]}',
    "a name that is two": b'{"application": "hello_world", "read_access": ["a, b"]}',
    "unknown": b'{"application": "hello_world", "inputs": "x"}',
    "half a character": b'{"application": "hello_world", "input": "\\ud800"}',
    "no UTF-8": b'{"application": "hello_world", "input": "\xff"}',
    "deep": b'{"application": ' + b"[" * 20 + b"]" * 20 + b"}",
    "a bomb": b"[" * 100_000,
    "many names": b"{" + b",".join(b'"%d": 0' % number for number in range(90_000)) + b', "1": 0}',
    "control characters": b'{"application": "hello\\u0000"}',
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_a_bad_body_is_refused_and_changes_nothing(grid: Grid, api: Api, body: bytes) -> None:
    """With the reason, and a number of LGI."""
    before = len(grid.log.read_text())

    answer = api.ask("POST", "/jobs", data=body, headers={"Content-Type": "application/json"})

    assert answer.status_code == 400
    assert answer.json()["lgi_error"] > 0
    assert grid.rows("SELECT job_id FROM job_queue") == []
    assert "Traceback" not in grid.log.read_text()[before:]


def test_a_body_that_is_too_big_or_of_another_type_is_refused(grid: Grid, api: Api) -> None:
    """It is not read to its end."""
    big = {"application": "hello_world", "input": "x" * 2**21}

    assert api.ask("POST", "/jobs", big).status_code == 413
    assert api.ask("POST", "/jobs", data="application=hello_world").status_code == 400
    assert grid.rows("SELECT job_id FROM job_queue") == []


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("PUT", "/jobs", 405),
        ("GET", "/jobs/x", 404),
        ("GET", "/jobs/1", 404),
        ("GET", "/jobs?unknown=1", 400),
        ("GET", "/jobs?state=queued&state=running", 400),
        ("GET", "/jobs?limit=0", 400),
        ("GET", "/jobs?limit=x", 400),
        ("GET", "/jobs?project=other", 403),
        ("GET", "/jobs?groups=admin", 403),
        ("GET", "/jobs?token=x", 401),
        ("POST", "/tokens", 401),
    ],
)
def test_a_wrong_request_is_a_problem_with_its_status(api: Api, method: str, path: str, status: int) -> None:
    """As RFC 9457 has it."""
    answer = api.ask(method, path, {} if method == "POST" else None)

    assert answer.status_code == status
    assert answer.json()["status"] == status


def test_a_request_without_certificate_and_token_is_refused(grid: Grid, api: Api) -> None:
    """The description is public."""
    unknown = Api(bearer(grid, "lgi_" + "A" * 43).client.session, grid.url)

    answer = unknown.ask("GET", "/jobs")

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert unknown.get("/openapi.json")["openapi"] == "3.1.0"


def test_a_token_to_read_submits_nothing(grid: Grid, api: Api) -> None:
    """Status 403: the token is good, but not for that."""
    reader = Api(bearer(grid, new_token(grid.user())).client.session, grid.url)

    assert reader.ask("POST", "/jobs", {"application": "hello_world"}).status_code == 403
    assert reader.get("/jobs") == {"jobs": []}


def test_an_administrator_revokes_tokens_in_json(grid: Grid, api: Api) -> None:
    """With a certificate."""
    admin = Api(grid.user("root@x", ("admin",)).client.session, grid.url)
    made = admin.ask("POST", "/tokens", {"name": "n", "scope": ["read", "files"], "life": 60})
    (held,) = admin.get("/tokens?owner=mark%40laptop")["tokens"]

    assert made.status_code == 201
    assert made.json()["token_text"].startswith("lgi_")
    assert admin.ask("DELETE", f"/tokens/{held['token_id']}?owner=mark%40laptop").status_code == 200
    assert api.ask("GET", "/jobs").status_code == 401


def test_every_call_of_users_is_an_operation() -> None:
    """And needs the same scope of a token. The bytes of a terminal, which need a certificate, are no JSON."""
    found = {one.route.name: one.route.scopes for one in blueprint.OPERATIONS if one.name != "list_job_files"}
    streams = {"interface_attach_job", "interface_attach_stream"}
    calls = {route.name: route.scopes for route in interfaces.ROUTES if route.name not in streams}

    assert {name: found.get(name, "none") for name in calls} == calls


def test_the_description_that_is_kept_is_that_of_the_code(api: Api) -> None:
    """``python -m make.openapi`` writes it."""
    kept = openapi.FILE.read_text("utf-8")

    assert kept == openapi.text()
    assert api.get("/openapi.json") == json.loads(kept)
