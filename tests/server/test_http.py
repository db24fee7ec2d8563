"""What old HTTP clients send (clients.md 1), and what attackers send."""

import socket
import ssl
import time
from contextlib import suppress
from pathlib import Path

import pytest

from lgi_protocol.errors import ServerError
from lgi_protocol.reply import read_answer
from lgi_server.serving.gevent_worker import IGNORING_SECONDS
from tests.support.grid import Grid, wait_for

pytestmark = pytest.mark.one_database

BOUNDARY = "@$_Th1s_1s_th3_b0und@ry_@$"
LIST = "/LGI/interfaces/interface_job_state.php"


def exchange(grid: Grid, request: bytes, user: str = "mark@laptop") -> str:
    """What the server answers to bytes, as text."""
    context = grid.people.credentials(grid.people.user(user, ("theor", "cyttron"))).context()
    received = b""
    with (
        socket.create_connection(("127.0.0.1", grid.port)) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as connection,
        suppress(ssl.SSLEOFError),
    ):
        connection.settimeout(60)
        connection.sendall(request)
        while block := connection.recv(65536):
            received += block
    return received.decode("utf-8", "replace")


def post(target: str, body: bytes, kind: str = "application/x-www-form-urlencoded", extra: str = "") -> bytes:
    """A request by hand."""
    head = (
        f"POST {target} HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\nConnection: close\r\n"
        f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n{extra}\r\n"
    )
    return head.encode() + body


def multipart(*fields: tuple[str, bytes]) -> bytes:
    """A multipart body as the Python client of 2012 wrote it."""
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'.encode() + value + b"\r\n"
        for name, value in fields
    ]
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


IDENTITY = (("project", b"LGI"), ("user", b"mark@laptop"), ("groups", b"theor"))


@pytest.mark.parametrize(
    ("target", "extra"),
    [
        (LIST, ""),
        (LIST.removesuffix(".php"), ""),
        ("//LGI/interfaces//interface_job_state.php", ""),
        ("https://localhost" + LIST, ""),
        (LIST, "Expect: 100-continue\r\n"),
    ],
    ids=["php", "without php", "double slashes", "absolute form", "expect"],
)
def test_a_call_is_found_however_old_clients_write_its_address(grid: Grid, target: str, extra: str) -> None:
    """Each call has its .php name and its plain one; request targets come in both forms."""
    answer = exchange(grid, post(target, b"project=LGI&user=mark%40laptop&groups=theor", extra=extra))

    assert read_answer(answer).value("number_of_jobs") == "0"


NAMES = {
    "resources/resource": "signup_resource signoff_resource request_work request_job_details lock_job"
    " unlock_job update_job submit_job job_state request_resource_data",
    "interfaces/interface": "submit_job job_state delete_job project_server_list project_resource_list",
    "servers/server": "get_update run_update",
}
CALLS = [f"{kind}_{name}" for kind, names in NAMES.items() for name in names.split()]


@pytest.mark.parametrize("call", CALLS)
def test_every_call_of_the_protocol_is_there_under_both_names(grid: Grid, call: str) -> None:
    """resources/, interfaces/ and servers/, with .php and without: 200, XML, and the same complaint."""
    wrong = b"project=no_such_project&user=mark%40laptop&groups=theor"

    answers = [exchange(grid, post(f"/LGI/{call}{suffix}", wrong)) for suffix in (".php", "")]

    assert [answer.partition("\r\n")[0] for answer in answers] == ["HTTP/1.1 200 OK"] * 2
    assert all("<number> 4 </number>" in answer for answer in answers)


def test_a_multipart_post_with_an_unquoted_boundary_is_read(grid: Grid) -> None:
    """LGI.py's fixed boundary, unquoted, header name spelled Content-type, empty parts among the fields."""
    body = multipart(*IDENTITY, ("state", b""))
    request = post(LIST, body, f"multipart/form-data; boundary={BOUNDARY}").replace(
        b"Content-Type: multipart", b"Content-type: multipart"
    )

    answer = read_answer(exchange(grid, request))
    assert (answer.value("state"), answer.value("application")) == ("", "any")


def test_a_get_is_a_call_with_no_fields(grid: Grid) -> None:
    """So the first missing field is complained about, also when fields stand in the address."""
    answer = exchange(
        grid, f"GET {LIST}?groups=theor HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
    )

    with pytest.raises(ServerError) as refused:
        read_answer(answer)
    assert refused.value.number == 31


def test_an_answer_is_200_xml_also_for_errors(grid: Grid) -> None:
    """The status says nothing; the document does."""
    answer = exchange(grid, post(LIST, b""))

    assert answer.startswith("HTTP/1.1 200 OK\r\n")
    assert "Content-Type: text/xml" in answer
    assert "<number> 31 </number>" in answer


def test_fields_may_come_in_any_order_and_the_number_of_files_after_the_files(
    grid: Grid, tmp_path: Path
) -> None:
    """number_of_uploaded_files follows the file parts in the C++ clients."""
    grid.resource()
    file = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="uploaded_file_1"; filename="/home/m/a b.txt"'
        "\r\nContent-Type: application/octet-stream\r\n\r\ncontents\r\n"
    ).encode()
    body = file + multipart(
        ("number_of_uploaded_files", b"1"),
        ("target_resources", b"any"),
        ("application", b"hello_world"),
        *reversed(IDENTITY),
    )

    answer = exchange(
        grid,
        post("/LGI/interfaces/interface_submit_job.php", body, f"multipart/form-data; boundary={BOUNDARY}"),
    )

    content = read_answer(answer).content
    assert "<file_name> a b.txt </file_name> <size> 8 </size>" in content


BAD = {
    "NUL in the user": ("user", b"mark@laptop\x00", 32),
    "line end in the groups": ("groups", b"theor\nadmin", 31),
    "invalid UTF-8 in the groups": ("groups", b"th\xe9or", 31),
    "control character in the project": ("project", b"LGI\x07", 58),
    "escape sequence in the state": ("state", b"\x1b[31m", 45),
    "oversize groups": ("groups", b"g" * 255, 56),
    "oversize user": ("user", b"u" * 255, 57),
    "oversize project": ("project", b"p" * 255, 58),
    "oversize state": ("state", b"s" * 255, 45),
    "oversize application": ("application", b"a" * 255, 46),
    "oversize job_id": ("job_id", b"1" * 10, 47),
    "oversize start": ("start", b"1" * 10, 48),
    "oversize limit": ("limit", b"1" * 10, 49),
    "another user": ("user", b"frank@desk", 30),
    "groups of nobody": ("groups", b"chem", 38),
    "unknown project": ("project", b"mysql", 4),
    "path as project": ("project", b"../../etc", 4),
}


@pytest.mark.parametrize(("field", "value", "number"), BAD.values(), ids=BAD.keys())
@pytest.mark.parametrize("kind", ["multipart", "urlencoded"])
def test_bad_fields_get_their_error(grid: Grid, field: str, value: bytes, number: int, kind: str) -> None:
    """The right number, no traceback, in both encodings."""
    fields = dict(IDENTITY) | {field: value}
    if kind == "multipart":
        request = post(LIST, multipart(*fields.items()), f"multipart/form-data; boundary={BOUNDARY}")
    else:
        body = "&".join(f"{name}={''.join(f'%{byte:02X}' for byte in text)}" for name, text in fields.items())
        request = post(LIST, body.encode())

    answer = exchange(grid, request)

    with pytest.raises(ServerError) as refused:
        read_answer(answer)
    assert refused.value.number == number
    assert "Traceback" not in answer


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"--",
        multipart(*IDENTITY)[:-40],
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="'.encode() + b"x" * 70000,
        b"\xff" * 1000,
    ],
    ids=["empty", "dashes", "cut short", "endless name", "rubbish"],
)
def test_a_broken_multipart_body_is_an_lgi_error(grid: Grid, body: bytes) -> None:
    """Never a traceback, never a page of HTML."""
    answer = exchange(grid, post(LIST, body, f"multipart/form-data; boundary={BOUNDARY}"))

    with pytest.raises(ServerError):
        read_answer(answer)


def test_a_form_of_which_only_a_part_came_is_no_call(grid: Grid) -> None:
    """A connection that is lost in the middle of a field leaves no job with half its input: error 68.

    OpenSSL from 3.5 ends the connection itself, with an alert.
    """
    grid.resource()
    fields = "project=LGI&user=mark%40laptop&groups=theor&application=hello_world&target_resources=any"
    whole = post("/LGI/interfaces/interface_submit_job", f"{fields}&input={'41' * 1000}".encode(), extra="")
    context = grid.people.credentials(grid.people.user("mark@laptop", ("theor", "cyttron"))).context()
    received = b""
    with (
        socket.create_connection(("127.0.0.1", grid.port)) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as connection,
        suppress(ssl.SSLError),
    ):
        connection.settimeout(60)
        connection.sendall(whole[:-1000])
        with socket.fromfd(connection.fileno(), socket.AF_INET, socket.SOCK_STREAM) as below:
            below.shutdown(socket.SHUT_WR)
        while block := connection.recv(65536):
            received += block

    assert grid.rows("SELECT job_id FROM job_queue") == []
    assert b"<number> 68 </number>" in received or (not received and ssl.OPENSSL_VERSION_INFO >= (3, 5))


def test_an_address_that_is_no_call_is_no_call(grid: Grid) -> None:
    """A known caller gets 404 for it."""
    answer = exchange(grid, post("/LGI/interfaces/interface_no_such_call.php", b""))

    assert answer.startswith("HTTP/1.1 404")


def test_a_body_that_is_no_chunked_body_is_an_lgi_error(grid: Grid) -> None:
    """Error 68, no traceback, whatever stands where a chunk's size belongs."""
    head = f"POST {LIST} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n"
    request = f"{head}Content-Type: application/x-www-form-urlencoded\r\n\r\nzz\r\nuser=x\r\n0\r\n\r\n"
    before = len(grid.log.read_text())

    answer = exchange(grid, request.encode())

    assert "<number> 68 </number>" in answer
    assert "Traceback" not in grid.log.read_text()[before:]


def test_a_call_that_takes_no_files_stores_none(grid: Grid) -> None:
    """Error 68 at the first file, before anything is written."""
    file = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="f"; filename="x"\r\n\r\n{"x" * 100000}\r\n'
    ).encode()

    answer = exchange(
        grid, post(LIST, file + multipart(*IDENTITY), f"multipart/form-data; boundary={BOUNDARY}")
    )

    assert "<number> 68 </number>" in answer
    assert list((grid.config.repository / ".incoming").iterdir()) == []


def test_many_posted_files_hold_no_descriptors(grid: Grid) -> None:
    """A thousand file parts whose request never ends leave other callers alone."""
    part = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="f{{}}"; filename="x"\r\n\r\nx\r\n'
    body = "".join(part.format(number) for number in range(1000)).encode()
    context = grid.people.credentials(grid.people.user("mark@laptop", ("theor", "cyttron"))).context()
    head = (
        f"POST /LGI/interfaces/interface_submit_job.php HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n"
        f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n\r\n"
    )
    with (
        socket.create_connection(("127.0.0.1", grid.port)) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as connection,
    ):
        connection.sendall(head.encode() + body)
        wait_for(lambda: len(list((grid.config.repository / ".incoming").iterdir())) > 500)

        assert grid.process is not None
        assert max(open_files(grid.process.pid)) < 200
    wait_for(lambda: list((grid.config.repository / ".incoming").iterdir()) == [])


def open_files(server: int) -> list[int]:
    """How many descriptors each worker of a server has."""
    workers = Path(f"/proc/{server}/task/{server}/children").read_text().split()
    return [len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in workers]


def test_a_small_answer_is_one_record(grid: Grid) -> None:
    """Head and body travel together; a HEAD request gets the head alone."""
    context = grid.people.credentials(grid.people.user("mark@laptop", ("theor",))).context()
    with (
        socket.create_connection(("127.0.0.1", grid.port)) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as connection,
    ):
        connection.settimeout(60)
        connection.sendall(
            post(LIST, b"project=LGI&user=mark@laptop&groups=theor").replace(b"close", b"keep-alive")
        )
        whole = connection.recv(65536).decode()
        connection.sendall(f"HEAD {LIST} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        head = connection.recv(65536).decode()

    assert whole.startswith("HTTP/1.1 200 OK\r\n")
    assert whole.rstrip().endswith("</LGI>")
    assert head.startswith("HTTP/1.1 200 OK\r\n")
    assert head.endswith("\r\n\r\n")


def test_a_refused_upload_is_answered_and_then_not_read_for_ever(grid: Grid) -> None:
    """Its sender may finish a small one and read the answer; a large one ends with its connection."""
    context = grid.people.credentials(grid.people.user("mark@laptop", ("theor",))).context()
    name = "JOB_" + 32 * "0"
    size = "Content-Length: 10000000000"
    head = f"PUT /LGI/repository/000/{name}/x HTTP/1.1\r\nHost: localhost\r\n{size}\r\n\r\n"
    sent, began = 0, time.monotonic()
    with (
        socket.create_connection(("127.0.0.1", grid.port)) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as connection,
        suppress(OSError),
    ):
        connection.settimeout(60)
        connection.sendall(head.encode())
        assert connection.recv(65536).startswith(b"HTTP/1.1 404 ")
        while sent < 500_000_000:
            connection.sendall(bytes(1_000_000))
            sent += 1_000_000
    # On a busy machine the time for which the server goes on reading may be over before.
    assert sent > 60_000_000 or time.monotonic() - began > IGNORING_SECONDS
    assert sent < 100_000_000


def test_a_client_is_not_asked_for_a_body_that_is_refused(grid: Grid) -> None:
    """With ``Expect: 100-continue`` a refusal comes instead of "continue", and the connection ends."""
    head = (
        f"PUT /LGI/repository/000/JOB_{32 * '0'}/x HTTP/1.1\r\nHost: localhost\r\n"
        "Content-Length: 10000000000\r\nExpect: 100-continue\r\n\r\n"
    )

    context = grid.people.credentials(grid.people.user("mark@laptop", ("theor",))).context()
    with (
        socket.create_connection(("127.0.0.1", grid.port)) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as connection,
        suppress(ssl.SSLEOFError),
    ):
        connection.settimeout(60)
        connection.sendall(head.encode())
        answer, began = connection.recv(65536), time.monotonic()
        while block := connection.recv(65536):
            answer += block

    assert answer.startswith(b"HTTP/1.1 404 ")
    assert b"\r\nConnection: close\r\n" in answer
    # The client sees the end at once, although the server still waits for what the client may have sent.
    assert time.monotonic() - began < IGNORING_SECONDS - 2


def test_a_client_that_waits_is_asked_for_a_body_that_is_taken(grid: Grid) -> None:
    """Nothing but "continue" is answered until the body comes, and the connection stays open."""
    body = b"project=LGI&user=mark@laptop&groups=theor"
    request = post(LIST, body, extra="Expect: 100-continue\r\n").replace(b"close", b"keep-alive")
    context = grid.people.credentials(grid.people.user("mark@laptop", ("theor", "cyttron"))).context()
    with (
        socket.create_connection(("127.0.0.1", grid.port)) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as connection,
    ):
        connection.settimeout(60)
        connection.sendall(request.removesuffix(body))
        asked = connection.recv(65536)
        connection.sendall(body)
        first = connection.recv(65536).decode()
        connection.sendall(request.replace(b"Expect: 100-continue\r\n", b""))
        second = connection.recv(65536).decode()

    assert asked == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert first.startswith("HTTP/1.1 200 OK\r\n")
    assert second.startswith("HTTP/1.1 200 OK\r\n")


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "PATCH"])
def test_every_method_on_a_call_is_answered_by_an_lgi_document(grid: Grid, method: str) -> None:
    """It is treated as a GET: a call without fields."""
    request = f"{method} {LIST} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"

    answer = exchange(grid, request.encode())

    assert answer.startswith("HTTP/1.1 200 OK\r\n")
    assert "<number> 31 </number>" in answer
