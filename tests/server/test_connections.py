"""Idle connections are closed in favour of those with requests."""

import resource
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import ExitStack

import gevent.socket
import pytest

from lgi_server.serving.connection import Connection, Pace
from lgi_server.serving.connection_table import AT_ONCE, ConnectionTable, address_account
from tests.support.grid import Grid, running
from tests.support.limited_grid import LimitedGrid

# So many descriptors allow 75 connections in each of two workers.
DESCRIPTORS, IDLE = 400, 260


@pytest.fixture(scope="module")
def small() -> Iterator[Grid]:
    """A server with a low limit of connections."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 4 * IDLE)), hard))
    made = LimitedGrid(DESCRIPTORS)
    # It closes no connection for its slowness, so that those of these tests stay also on a busy machine.
    made.change_settings({"handshake_timeout": "100", "rate_window": "100"})
    with running(made):
        yield made


@pytest.mark.slow
@pytest.mark.parametrize("who", ["nobody", "a user"])
@pytest.mark.parametrize("asked", [False, True], ids=["silent", "after a request"])
def test_a_caller_is_answered_however_many_idle_connections_there_are(
    small: Grid, who: str, asked: bool
) -> None:
    """Hundreds of open connections, with and without a certificate, exclude no other caller."""
    eve = small.people.credentials(small.people.user("eve@desk", ("theor",)))
    context = eve.context()
    if who == "nobody":
        context = ssl.create_default_context(cafile=str(small.people.authority.ca_file))
    mark = small.user()
    mark.post("interface_job_state")

    with ExitStack() as stack:
        for _ in range(IDLE):
            plain = stack.enter_context(socket.create_connection(("127.0.0.1", small.port), 60))
            connection = stack.enter_context(context.wrap_socket(plain, server_hostname="localhost"))
            if asked:
                connection.sendall(b"GET /LGI/ HTTP/1.1\r\nHost: localhost\r\n\r\n")
                assert connection.recv(20).startswith(b"HTTP/1.1 200")
        begin = time.monotonic()
        for _ in range(3):
            small.user().post("interface_job_state")
        mark.post("interface_job_state")

    assert time.monotonic() - begin < 20


PACE = Pace(rate=1000.0, window=30.0, head=10.0)


def connections(table: ConnectionTable, number: int, account: str) -> list[Connection]:
    """Add new connections of an account to the table; each one is an end of a socket pair."""
    made = []
    for _ in range(number):
        one, other = gevent.socket.socketpair()
        other.close()
        made.append(Connection(one, PACE))
        table.opened(made[-1], account)
    return made


def test_the_connections_that_have_waited_longest_make_room() -> None:
    """None with a request is closed while idle ones of the same account exist."""
    closed: list[Connection] = []
    table = ConnectionTable(100, closed.append, share=1.0)
    made = connections(table, 90, "name eve")
    for connection in made[:5]:
        table.asks(connection)
    table.asks(made[7])
    table.waits(made[7])

    connections(table, 1, "name mark")

    assert closed == [made[5], made[6], *made[8 : 8 + AT_ONCE - 2]]
    table.close_waiting()
    assert {*made[5:]} <= {*closed}
    assert not {*made[:5]} & {*closed}


def test_the_account_with_most_connections_makes_room() -> None:
    """Its connections are closed whatever they do; those of others stay, even when idle for longer."""
    closed: list[Connection] = []
    table = ConnectionTable(100, closed.append, share=1.0)
    old = connections(table, 10, "name mark")
    many = connections(table, 80, "address 192.0.2.1")
    for connection in many:
        table.asks(connection)

    connections(table, 1, "name frank")

    assert closed == []
    assert [table.may_be_closed(one) for one in many].count(True) == AT_ONCE
    assert not any(table.may_be_closed(one) for one in old)


def test_an_account_has_no_more_than_a_share_of_the_connections() -> None:
    """Above its share the longest idle ones are closed, two at a time here, also in a table with space."""
    closed: list[Connection] = []
    table = ConnectionTable(100, closed.append)
    made = connections(table, 20, "address 192.0.2.1")
    for connection in made:
        table.belongs(connection, "name eve")
    more = connections(table, 25, "address 192.0.2.1")

    assert closed == []
    for connection in more[:6]:
        table.belongs(connection, "name eve")

    assert closed == made[:2]
    connections(table, 7, "address 192.0.2.1")
    assert closed == [*made[:2], *more[6:8]]


def test_a_connection_that_asks_before_it_is_closed_is_answered() -> None:
    """It was chosen to be closed while idle; a request that arrived since then is answered."""
    closed: list[Connection] = []
    table = ConnectionTable(100, closed.append)
    made = connections(table, 2, "name mark")
    table.close_waiting()

    table.asks(made[0])

    assert closed == made
    assert [table.may_be_closed(one) for one in made] == [False, True]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("address", "account"),
    [
        (("192.0.2.1", 5), "address 192.0.2.1"),
        (("::ffff:192.0.2.1", 5, 0, 0), "address 192.0.2.1"),
        (("2001:db8::1:2:3:4", 5, 0, 0), "address 2001:db8::/64"),
        (("fe80::1%eth0", 5, 0, 2), "address fe80::/64"),
        ("", "front end"),
        (b"", "front end"),
    ],
)
def test_an_address_has_an_account(address: object, account: str) -> None:
    """One machine may have a whole /64 network of IPv6, so that is one account."""
    assert address_account(address) == account
