"""A server whose connections are all in use, in any phase: other callers are answered as usual."""

import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from urllib.parse import urlsplit

import pytest

from tests.server.test_connections import IDLE, small
from tests.server.test_repository import ask, new_repository
from tests.server.test_slow_clients import CALL, FORM, connect
from tests.support.grid import Grid, wait_for

__all__ = ["small"]
# Seconds in which a caller is answered on a busy machine; those who keep the server waiting have 100.
SOON = 20
GET = b"GET /LGI/documents/wire HTTP/1.1\r\nHost: localhost\r\n\r\n"
BODY = f"POST {CALL} HTTP/1.1\r\n{FORM}Content-Length: %d\r\n\r\nproject="
# What connections do, each of them; whether they are of a user.
TAKEN = {
    "answers that are not read": (GET * 200, False),
    "answers that are not read, of a user": (GET * 200, True),
    "heads that do not end": (b"GET /LGI/ HTTP/1.1\r\nHost: ", False),
    "small bodies that do not come": ((BODY % 1000).encode(), True),
    "large bodies that do not come": ((BODY % 1_000_000).encode(), True),
    "bodies longer than allowed": ((BODY % 2_000_000_000).encode(), True),
}


@pytest.fixture
def quiet_log(small: Grid) -> Iterator[None]:
    """The log of a test has no error."""
    begin = small.log.stat().st_size
    yield
    told = small.log.read_bytes()[begin:].decode()
    assert "Traceback" not in told
    assert "Too many open files" not in told


def taken(grid: Grid, stack: ExitStack, request: bytes, *users: str) -> list[ssl.SSLSocket]:
    """So many connections that have begun a request, or as many as get in; some are closed meanwhile."""
    made = []
    for number in range(IDLE):
        try:
            made.append(connect(grid, stack, users[number % len(users)], received=4096, timeout=2))
        except TimeoutError:
            break
        with suppress(OSError):
            made[-1].settimeout(0.5)
            made[-1].sendall(request)
    return made


def seconds_of_calls(grid: Grid) -> float:
    """Return the time of ten calls of another user, half of them on new connections."""
    begin = time.monotonic()
    for _ in range(5):
        mark = grid.user()
        mark.post("interface_job_state")
        mark.post("interface_job_state")
    return time.monotonic() - begin


@pytest.mark.slow
@pytest.mark.parametrize(("request_", "is_user"), TAKEN.values(), ids=TAKEN.keys())
@pytest.mark.usefixtures("quiet_log")
def test_a_caller_is_answered_however_many_requests_go_no_further(
    small: Grid, request_: bytes, is_user: bool
) -> None:
    """Ten of ten calls, long before any of those has used up its time."""
    small.clear()
    with ExitStack() as stack:
        taken(small, stack, request_, "eve@desk" if is_user else "")

        assert seconds_of_calls(small) < SOON


@pytest.mark.slow
@pytest.mark.usefixtures("quiet_log")
def test_a_user_is_answered_however_many_uploads_of_another_go_no_further(small: Grid) -> None:
    """Calls and files; each upload needs a connection and an open file, so that there are enough of both."""
    small.clear()
    url, directory = new_repository(small)
    mine, _ = new_repository(small)
    head = f"PUT {urlsplit(url).path}/file HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\nx".encode()
    with ExitStack() as stack:
        taken(small, stack, head, "mark@laptop")
        frank = small.user("frank@desk", ("chem",))

        begin = time.monotonic()
        for _ in range(10):
            frank.post("interface_job_state")
            assert ask(frank, "GET", f"{mine}/none").status_code == 404
        assert time.monotonic() - begin < SOON
    wait_for(lambda: not list((directory.parents[1] / ".incoming").iterdir()))
    with socket.create_connection(("127.0.0.1", small.port), 60):
        assert seconds_of_calls(small) < SOON


@pytest.mark.slow
@pytest.mark.usefixtures("quiet_log")
def test_a_user_is_answered_however_many_uploads_of_five_others_go_no_further(small: Grid) -> None:
    """The stalled uploads have all places for files; the one that waits longest is closed within seconds."""
    small.clear()
    url, _ = new_repository(small, write_access="any")
    head = f"PUT {urlsplit(url).path}/file HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\nx".encode()
    with ExitStack() as stack:
        taken(small, stack, head, *(f"eve{number}@desk" for number in range(5)))
        frank = small.user("frank@desk", ("chem",))

        begin = time.monotonic()
        statuses = [ask(frank, "GET", f"{url}/none").status_code for _ in range(3)]
        assert statuses == [404] * 3
        assert time.monotonic() - begin < SOON
