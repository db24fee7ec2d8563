"""Clients that keep a server waiting, in every phase of a connection: they are closed, and others go on."""

import os
import select
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from urllib.parse import urlsplit

import pytest

from lgi_server.api.form_parser import MOST_FORM
from tests.server.test_repository import new_repository
from tests.support.grid import Grid, running, wait_for

pytestmark = pytest.mark.one_database

# Seconds and bytes a second that a client has; far more until something of it must be seen.
WINDOW, RATE, HEAD, LATE = 2, 1000, 3, 60
CALL = "/LGI/interfaces/interface_job_state"
FORM = "Host: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n"
LARGE = 3_000_000


@pytest.fixture(scope="module")
def server() -> Iterator[Grid]:
    """A server that has little patience."""
    settings = {
        "rate_window": str(WINDOW),
        "minimum_rate": str(RATE),
        "handshake_timeout": str(HEAD),
        "workers": "1",
    }
    with running(Grid(settings=settings)) as made:
        yield made


def connect(
    grid: Grid, stack: ExitStack, user: str = "", received: int = 0, timeout: float = 60
) -> ssl.SSLSocket:
    """Open a connection of a user or without certificate, with a receive buffer of so many bytes."""
    context = ssl.create_default_context(cafile=str(grid.people.authority.ca_file))
    if user:
        context = grid.people.credentials(grid.people.user(user, ("theor", "cyttron"))).context()
    plain = stack.enter_context(socket.socket())
    if received:
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, received)
    plain.settimeout(timeout)
    plain.connect(("127.0.0.1", grid.port))
    return stack.enter_context(context.wrap_socket(plain, server_hostname="localhost"))


def has_been_closed(connection: ssl.SSLSocket) -> bool:
    """Whether a connection was broken off, which is seen without reading from it."""
    poll = select.poll()
    poll.register(connection.fileno(), 0)
    return bool(poll.poll(0))


def answer_to(connection: ssl.SSLSocket) -> str:
    """What comes until the connection ends or nothing more does."""
    received = b""
    try:
        while block := connection.recv(65536):
            received += block
            if b"</LGI>" in received:
                break
    except (ssl.SSLEOFError, ConnectionError):
        pass
    return received.decode("utf-8", "replace")


@pytest.mark.parametrize("who", ["", "mark@laptop"])
def test_a_client_that_reads_no_answer_is_closed(server: Grid, who: str) -> None:
    """With or without a certificate, it requests pages and reads none of them."""
    with ExitStack() as stack:
        connection = connect(server, stack, who, received=4096)
        connection.sendall(b"GET /LGI/documents/wire HTTP/1.1\r\nHost: localhost\r\n\r\n" * 60)

        wait_for(lambda: has_been_closed(connection), LATE)

    assert "Traceback" not in server.log.read_text()


@pytest.fixture
def large_file(server: Grid) -> str:
    """The path of a file in a repository."""
    url, directory = new_repository(server)
    (directory / "large").write_bytes(os.urandom(LARGE))
    return urlsplit(f"{url}/large").path


def test_a_reader_that_stops_in_a_file_is_closed(server: Grid, large_file: str) -> None:
    """Its file is closed too, and it may come again."""
    with ExitStack() as stack:
        connection = connect(server, stack, "mark@laptop", received=4096)
        connection.sendall(f"GET {large_file} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 200 ")

        wait_for(lambda: has_been_closed(connection), LATE)

    assert "Traceback" not in server.log.read_text()


def test_a_reader_that_goes_on_slowly_gets_the_whole_file(server: Grid, large_file: str) -> None:
    """It takes much longer than anybody may keep the server waiting at once."""
    count, begin = 0, time.monotonic()
    with ExitStack() as stack:
        connection = connect(server, stack, "mark@laptop", received=4096)
        request = f"GET {large_file} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        connection.sendall(request.encode())
        while block := connection.recv(16384):
            count += len(block)
            time.sleep(3 * WINDOW * len(block) / LARGE)

    assert count > LARGE
    assert time.monotonic() - begin > 2 * WINDOW


@pytest.mark.parametrize("size", [MOST_FORM + 1, 2_000_000_000])
def test_a_call_refuses_at_once_what_it_cannot_use(server: Grid, size: int) -> None:
    """Error 65 before a byte of it has come: a call without files needs no more than its fields."""
    with ExitStack() as stack:
        connection = connect(server, stack, "mark@laptop")
        connection.sendall(f"POST {CALL} HTTP/1.1\r\n{FORM}Content-Length: {size}\r\n\r\n".encode())

        # One that was waited for is error 68.
        assert "<number> 65 </number>" in answer_to(connection)


def test_a_call_of_unknown_length_is_refused_when_it_is_too_long(server: Grid) -> None:
    """Its body is chunked and endless."""
    piece = b"10000\r\n" + bytes(65536) + b"\r\n"
    with ExitStack() as stack:
        connection = connect(server, stack, "mark@laptop")
        connection.sendall(f"POST {CALL} HTTP/1.1\r\n{FORM}Transfer-Encoding: chunked\r\n\r\n".encode())
        connection.sendall(piece * (MOST_FORM // 65536 + 2))

        assert "<number> 65 </number>" in answer_to(connection)


BODIES = {
    "announced": ("Content-Length: 100000\r\n\r\n", b""),
    "announced, a byte at a time": ("Content-Length: 100000\r\n\r\n", b"x"),
    "in pieces": ("Transfer-Encoding: chunked\r\n\r\n", b""),
    "in pieces, a byte at a time": ("Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
}


@pytest.mark.parametrize(("head", "piece"), BODIES.values(), ids=BODIES.keys())
def test_a_body_that_does_not_come_is_refused(server: Grid, head: str, piece: bytes) -> None:
    """Error 68 says why, in the time that a client has, whatever length it has announced."""
    begin = time.monotonic()
    with ExitStack() as stack:
        connection = connect(server, stack, "mark@laptop")
        connection.sendall(f"POST {CALL} HTTP/1.1\r\n{FORM}{head}".encode())
        poll = select.poll()
        poll.register(connection, select.POLLIN)
        while not poll.poll(100) and time.monotonic() - begin < LATE:
            if piece:
                connection.sendall(piece)

        told = answer_to(connection)
    assert "<number> 68 </number>" in told
    assert "the request comes too slowly" in told
    assert WINDOW <= time.monotonic() - begin < LATE


def test_a_body_that_comes_slowly_is_read(server: Grid) -> None:
    """It takes much longer than anybody may keep the server waiting at once."""
    fields = "project=LGI&user=mark%40laptop&groups=theor&unknown="
    # Ten times the rate that is needed, also on a machine that has other work now and then.
    seconds, piece = 3 * WINDOW, RATE
    body = fields.ljust(10 * piece * seconds, "x").encode()
    begin = time.monotonic()
    with ExitStack() as stack:
        connection = connect(server, stack, "mark@laptop")
        connection.sendall(f"POST {CALL} HTTP/1.1\r\n{FORM}Content-Length: {len(body)}\r\n\r\n".encode())
        for start in range(0, len(body), piece):
            connection.sendall(body[start : start + piece])
            time.sleep(max(0.0, begin + seconds * start / len(body) - time.monotonic()))

        assert "<number_of_jobs>" in answer_to(connection)
    assert time.monotonic() - begin > 2 * WINDOW


def test_a_head_that_has_begun_has_to_end(server: Grid) -> None:
    """A byte now and then keeps no connection, also after a request that was answered."""
    with ExitStack() as stack:
        connection = connect(server, stack, "mark@laptop")
        connection.sendall(b"GET /LGI/ HTTP/1.1\r\nHost: localhost\r\n\r\n")
        page = b""
        while b"</html>" not in page:
            page += connection.recv(65536)
        begin = time.monotonic()
        while time.monotonic() - begin < LATE and not has_been_closed(connection):
            with suppress(OSError):
                connection.sendall(b"G")
            time.sleep(0.2)

        assert has_been_closed(connection)


def test_silent_bodies_of_many_keep_nobody_out(server: Grid) -> None:
    """More of them than a server answers calls at once, of five certificates: they hold connections only."""
    head = f"POST {CALL} HTTP/1.1\r\n{FORM}Content-Length: 60000\r\n\r\n".encode()
    mark = server.user()
    with ExitStack() as stack:
        for number in range(300):
            connect(server, stack, f"eve{number % 5}@desk").sendall(head)
            if number % 30 == 0:
                mark.post("interface_job_state")
        times = []
        for _ in range(10):
            begin = time.monotonic()
            mark.post("interface_job_state")
            times.append(time.monotonic() - begin)

    # A call that found no place would have raised an error, or waited for the end of a body.
    assert sorted(times)[5] < WINDOW
