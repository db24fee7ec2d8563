"""Connections that ask for nothing: they make room for those that do."""

import resource
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from lgi_server.serving.connection_limiter import AT_ONCE, ConnectionLimiter
from tests.support.grid import BIN, Grid, running, wait_for

# So many descriptors leave room for 100 connections in each of two workers.
DESCRIPTORS, IDLE = 400, 260


class Small(Grid):
    """A server that has room for few connections."""

    def start(self) -> None:
        """Start it with few descriptors."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                ["prlimit", f"--nofile={DESCRIPTORS}:{DESCRIPTORS}", BIN / "LGI_server", self.config_file],
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        wait_for(self.listens, 30)


@pytest.fixture(scope="module")
def small() -> Iterator[Grid]:
    """Where a few hundred connections are many."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 4 * IDLE)), hard))
    with running(Small()) as made:
        yield made


@pytest.mark.parametrize("who", ["nobody", "a user"])
@pytest.mark.parametrize("asked", [False, True], ids=["silent", "after a request"])
def test_a_caller_is_answered_however_many_idle_connections_there_are(
    small: Grid, who: str, asked: bool
) -> None:
    """Connections without an end, with and without a certificate, keep nobody out."""
    eve = small.people.credentials(small.people.user("eve@desk", ("theor",)))
    context = eve.context()
    if who == "nobody":
        context = ssl.create_default_context(cafile=str(small.people.authority.ca_file))
    mark = small.user()
    mark.post("interface_job_state")

    with ExitStack() as stack:
        for _ in range(IDLE):
            plain = stack.enter_context(socket.create_connection(("127.0.0.1", small.port), 20))
            connection = stack.enter_context(context.wrap_socket(plain, server_hostname="localhost"))
            if asked:
                connection.sendall(b"GET /LGI/ HTTP/1.1\r\nHost: localhost\r\n\r\n")
                assert connection.recv(20).startswith(b"HTTP/1.1 200")
        begin = time.monotonic()
        for _ in range(3):
            small.user().post("interface_job_state")
        mark.post("interface_job_state")

    assert time.monotonic() - begin < 5


def test_the_connections_that_have_waited_longest_make_room() -> None:
    """And none that has a request."""
    closed: list[int] = []
    connections = ConnectionLimiter[int](100, closed.append)
    for number in range(90):
        connections.opened(number)
    for number in range(5):
        connections.asks(number)
    connections.asks(7)
    connections.waits(7)

    connections.opened(90)

    assert closed == [5, 6, *range(8, 8 + AT_ONCE - 2)]
    connections.close_waiting()
    assert sorted(closed) == sorted({*range(91)} - {0, 1, 2, 3, 4})


def test_a_connection_that_asks_before_it_is_closed_is_answered() -> None:
    """It was chosen while it waited; a request that came meanwhile is not cut off."""
    closed: list[int] = []
    connections = ConnectionLimiter[int](100, closed.append)
    for number in (1, 2):
        connections.opened(number)
    connections.close_waiting()

    connections.asks(1)

    assert closed == [1, 2]
    assert [connections.may_be_closed(number) for number in (1, 2)] == [False, True]
