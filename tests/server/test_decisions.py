"""What is decided otherwise than in LGI: the last section of docs/differences.md, one test for each entry."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from lgi_protocol import xml
from lgi_protocol.errors import ServerError
from lgi_protocol.reply import read_answer
from lgi_server.app import CALLS
from tests.server.test_http import exchange, multipart, post
from tests.server.test_repository import ask, listing, new_repository
from tests.server.test_servers import master
from tests.support.grid import TABLES, Grid

SUBMIT = {"application": "hello_world", "target_resources": "any"}
CALL = "/LGI/interfaces/interface_submit_job.php"
BOUNDARY = "@$_Th1s_1s_th3_b0und@ry_@$"
USUAL = {
    "project": b"LGI",
    "user": b"mark@laptop",
    "groups": b"theor",
    **{name: value.encode() for name, value in SUBMIT.items()},
}


def number_of(answer: str) -> int:
    """The error in an answer, 0 for none."""
    try:
        read_answer(answer)
    except ServerError as refused:
        return refused.number
    return 0


def submitted(grid: Grid, path: str) -> int:
    """The error of a submit with a file of this path, 0 for none."""
    described = f'Content-Disposition: form-data; name="uploaded_file_1"; filename="{path}"'
    file = f"--{BOUNDARY}\r\n{described}\r\n\r\ncontents\r\n".encode()
    body = file + multipart(*USUAL.items(), ("number_of_uploaded_files", b"1"))
    return number_of(exchange(grid, post(CALL, body, f"multipart/form-data; boundary={BOUNDARY}")))


@pytest.mark.parametrize(
    ("field", "number"),
    [
        ("read_access", 51),
        ("write_access", 52),
        ("groups", 31),
        ("user", 32),
        ("project", 58),
        ("application", 18),
        ("target_resources", 27),
        ("job_specifics", 72),
        ("input", 54),
    ],
)
@pytest.mark.parametrize("kind", ["multipart", "urlencoded"])
def test_a_field_that_is_not_utf_8_is_refused(grid: Grid, field: str, number: int, kind: str) -> None:
    """The field's own error, in both encodings of a form; no job."""
    grid.resource()
    fields = USUAL | {field: b"Gr\xf6\xdfe"}
    if kind == "multipart":
        request = post(CALL, multipart(*fields.items()), f"multipart/form-data; boundary={BOUNDARY}")
    else:
        request = post(CALL, b"&".join(name.encode() + b"=" + value for name, value in fields.items()))

    assert number_of(exchange(grid, request)) == number
    assert grid.rows("SELECT job_id FROM job_queue") == []


@pytest.mark.parametrize(("field", "number"), [("read_access", 51), ("write_access", 52)])
def test_access_that_is_too_long_with_the_owners_is_refused(grid: Grid, field: str, number: int) -> None:
    """The longest list that fits is stored whole; with one byte more there is no job."""
    grid.resource()
    first = "admin, mark@laptop, "
    fits = "r" * (254 - len(first))

    assert grid.user().refusal("interface_submit_job", **SUBMIT, **{field: fits + "r"}) == number
    assert grid.rows("SELECT job_id FROM job_queue") == []
    reply = grid.user().post("interface_submit_job", **SUBMIT, **{field: fits})
    assert reply.value("job", field) == first + fits


@pytest.mark.parametrize(("field", "number"), [("input", 54), ("output", 55)])
@pytest.mark.parametrize("value", ["xyz1", "414", "4", "0x41", "41 42", "41\n42", "４１"])
def test_data_that_is_not_hexadecimal_is_refused(grid: Grid, field: str, number: int, value: str) -> None:
    """Letters, odd numbers of digits, blanks between them, digits of other scripts; no job."""
    grid.resource()

    assert grid.user().refusal("interface_submit_job", **SUBMIT, **{field: value}) == number
    assert grid.rows("SELECT job_id FROM job_queue") == []


@pytest.mark.parametrize("path", ["../data.txt", "/home/mark/../data.txt", "..", "data/.."])
def test_a_path_that_leads_upwards_is_refused(grid: Grid, path: str) -> None:
    """Error 68 and no job; ``..`` is meant as a part, so `a..b` is a name like others."""
    grid.resource()

    assert submitted(grid, path) == 68
    assert grid.rows("SELECT job_id FROM job_queue") == []
    assert submitted(grid, "/home/mark/a..b") == 0
    (job,) = grid.rows("SELECT repository FROM job_queue")
    assert "<file_name> a..b </file_name>" in listing(grid.user(), grid, str(job["repository"]))


def test_a_post_of_more_than_16_mb_is_taken(grid: Grid, tmp_path: Path) -> None:
    """The limit is `max_post_size`, see test_limits."""
    grid.resource()
    large = tmp_path / "large"
    large.write_bytes(bytes(17 * 2**20))

    reply = grid.user().post("interface_submit_job", (large,), **SUBMIT)

    assert "<file_name> large </file_name> <size> 17825792 </size>" in reply.content


def test_a_put_in_chunks_is_stored(grid: Grid) -> None:
    """It has no Content-Length; the chunks are stored in their order."""
    url, directory = new_repository(grid)

    answer = ask(grid.user(), "PUT", f"{url}/chunked", iter([b"one ", b"two ", b"three"]))

    assert answer.request.headers["Transfer-Encoding"] == "chunked"
    assert xml.value(answer.text, "status", "number") == "200"
    assert (directory / "chunked").read_bytes() == b"one two three"


def test_a_file_called_htaccess_is_a_file(grid: Grid) -> None:
    """It is stored, listed and fetched, and does not change who may read the repository."""
    url, directory = new_repository(grid)
    user = grid.user()
    (directory / "data").write_text("1")

    stored = ask(user, "PUT", f"{url}/.htaccess", b"Require all denied\n")

    assert stored.status_code == 200
    assert "<file_name> .htaccess </file_name>" in listing(user, grid, directory.name)
    assert ask(user, "GET", f"{url}/.htaccess").text == "Require all denied\n"
    assert ask(user, "GET", f"{url}/data").text == "1"
    assert ask(user, "DELETE", f"{url}/.htaccess").status_code == 200


@pytest.fixture
def stored(grid: Grid) -> Iterator[str]:
    """The address of a stored file, which is as it was at the end."""
    url, directory = new_repository(grid)
    (directory / "data").write_text("1")
    yield f"{url}/data"
    assert (directory / "data").read_text() == "1"


@pytest.mark.parametrize("body", [b"", b"x=1"])
def test_a_post_to_a_stored_file_is_not_allowed(grid: Grid, stored: str, body: bytes) -> None:
    """405, which says what is; the file stays as it is."""
    answer = ask(grid.user(), "POST", stored, body)

    assert answer.status_code == 405
    assert {"GET", "PUT", "DELETE"} <= set(answer.headers["Allow"].replace(",", " ").split())


@pytest.mark.parametrize("name", [".*", "mark.laptop", "[a-z]+", "%", "_____"])
def test_a_regular_expression_is_a_name(grid: Grid, name: str) -> None:
    """It matches no other name: as a group, an owner, a target, or in an access list."""
    resource = grid.resource()
    job_id = grid.user().submit(read_access=name, write_access=name)
    other = grid.user("frank@desk", (name,))
    other.groups = name
    stranger = grid.user("gina@desk", ("chem",))

    assert other.post("interface_job_state").number("number_of_jobs") == 1
    assert stranger.refusal("interface_job_state", job_id=str(job_id)) == 34
    assert other.refusal("interface_submit_job", application="hello_world", target_resources=name) == 28
    assert resource.request_work("hello_world", 0, 9, name).jobs == ()
    assert [job.job_id for job in resource.request_work("hello_world", 0, 9, "mark@laptop").jobs] == [
        str(job_id)
    ]


@pytest.mark.parametrize("path", ["", "?project=LGI&user=mark%40laptop&groups=theor&application=hello_world"])
def test_a_get_of_a_call_has_no_fields(grid: Grid, path: str) -> None:
    """So the error is that of missing groups; a browser gets the error that it may not make calls."""
    grid.resource()
    session = grid.user().client.session

    plain = session.get(f"{grid.url}/interfaces/interface_submit_job.php{path}")
    browser = session.get(
        f"{grid.url}/interfaces/interface_submit_job.php{path}", headers={"Sec-Fetch-Site": "none"}
    )

    assert (plain.status_code, number_of(plain.text)) == (200, 31)
    assert (browser.status_code, number_of(browser.text)) == (200, 67)
    assert grid.rows("SELECT job_id FROM job_queue") == []


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
def test_only_a_post_of_a_call_changes_something(grid: Grid, method: str) -> None:
    """A call without fields, as a sign-up may be, is refused with error 66 unless it is posted."""
    grid.resource()
    callers = {
        "resources": grid.client(grid.people.resource("res1@cluster")),
        "interfaces": grid.user().client,
        "servers": master(grid),
    }
    # What is stored later: when a resource last called, and events of tests before this one.
    tables = [table for table in TABLES if table not in {"active_resources", "event_queue"}]

    def seen() -> list[object]:
        return [grid.rows(f"SELECT * FROM {table}") for table in tables]

    before = seen()
    answers = {
        route.name: callers[folder].session.request(method, f"{grid.url}/{folder}/{route.name}")
        for folder, routes in CALLS.items()
        for route in routes
    }

    assert seen() == before
    assert {answer.status_code for answer in answers.values()} == {200}
    if method == "HEAD":
        assert {answer.content for answer in answers.values()} == {b""}
    else:
        changing = ("resource_signup_resource", "server_run_update", "server_get_update")
        assert [number_of(answers[name].text) for name in changing] == [66, 66, 40]
