"""A client that closes its connection while its call is held is no call that the server refused."""

import socket
import ssl
import time
from urllib.parse import urlencode

from tests.server.test_metrics import admin, page, value
from tests.support.grid import CAPABILITIES, Grid, wait_for

CALL, NAME = "resource_exchange", "res1@cluster"


def hold(grid: Grid, seconds: int) -> ssl.SSLSocket:
    """Return the connection on which an exchange without news is made."""
    fields = {"project": "LGI", "daemon": "A", "capabilities": CAPABILITIES, "wait": seconds}
    body = urlencode(fields).encode()
    head = f"POST /LGI/resources/{CALL} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n"
    kind = "Content-Type: application/x-www-form-urlencoded\r\n\r\n"
    context = grid.people.credentials(grid.people.resource(NAME)).context()
    plain = socket.create_connection(("127.0.0.1", grid.port))
    connection = context.wrap_socket(plain, server_hostname="localhost")
    connection.sendall((head + kind).encode() + body)
    return connection


def held(grid: Grid) -> float:
    """Return how many calls are held now."""
    return value(page(grid, admin(grid)).text, "lgi_held_requests")


def test_a_client_that_closes_a_held_call_is_not_counted_or_logged_as_refused(grid: Grid) -> None:
    """Daemons that are stopped, or have got jobs meanwhile, do so: the alarm of a busy server rang."""
    # What is stored at the first call is news, which is answered at once.
    grid.resource(NAME)
    logged = len(grid.log.read_text())
    before = page(grid, admin(grid)).text

    with hold(grid, 50):
        wait_for(lambda: held(grid) == 1, 20)
    wait_for(lambda: held(grid) == 0, 20)
    # A refusal is logged and counted at the end of the wait.
    time.sleep(0.5)

    after = page(grid, admin(grid)).text
    assert value(after, "lgi_calls_total", call=CALL, error="1") == value(
        before, "lgi_calls_total", call=CALL, error="1"
    )
    assert "refused" not in grid.log.read_text()[logged:]
