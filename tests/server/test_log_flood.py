"""What strangers and single users can write into the server's log: little."""

import logging
import socket
import struct
import time
from contextlib import suppress

import pytest

from lgi_server.serving.log_rate_limit import MOST, SECONDS, RateLimitFilter
from tests.server.test_tls import anonymous
from tests.support.grid import Grid, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.one_database]

STRANGERS = 600


def written(
    flood: RateLimitFilter,
    lines: int,
    level: int = logging.WARNING,
    name: str = "lgi.api",
    account: str | None = None,
) -> list[str]:
    """What is left of so many lines."""
    records = [logging.LogRecord(name, level, "", 0, "no %s", (number,), None) for number in range(lines)]
    if account is not None:
        for record in records:
            record.account = account
    return [record.getMessage() for record in records if flood.filter(record)]


def test_warnings_beyond_the_limit_are_left_out_and_counted() -> None:
    """The last one says so, and the first one afterwards how many there were."""
    now = 0.0
    flood = RateLimitFilter(lambda: now)

    first = written(flood, MOST + 50)
    now = SECONDS
    later = written(flood, 2)

    assert len(first) == MOST
    assert first[:2] + first[-1:] == ["no 0", "no 1", f"(the last one for at most 10 s) no {MOST - 1}"]
    assert later == ["50 lines were left out before this one: no 0", "no 1"]


@pytest.mark.parametrize(("level", "name"), [(logging.INFO, "lgi.api"), (logging.WARNING, "lgi.scheduler")])
def test_ordinary_work_and_other_parts_are_written_all_the_same(level: int, name: str) -> None:
    """A flood hides nothing but what it consists of."""
    flood = RateLimitFilter(lambda: 0.0)
    written(flood, MOST + 1)

    assert written(flood, MOST - 1, level, name) == [f"no {number}" for number in range(MOST - 1)]


@pytest.mark.parametrize("level", [logging.INFO, logging.WARNING])
def test_each_caller_has_a_share_of_the_log(level: int) -> None:
    """Ordinary work of one caller is limited, and hides nothing of others, nor of strangers."""
    flood = RateLimitFilter(lambda: 0.0)

    of_eve = written(flood, 3 * MOST, level, account="name eve")
    of_mark = written(flood, 5, level, account="name mark")

    assert (len(of_eve), of_mark) == (MOST, [f"no {number}" for number in range(5)])
    assert written(flood, 1) == ["no 0"]


def test_lines_about_connections_are_limited_whatever_their_level() -> None:
    """Any client without a certificate can cause them."""
    assert len(written(RateLimitFilter(lambda: 0.0), 2 * MOST, logging.INFO, "lgi.serve")) == MOST


def test_many_callers_are_not_remembered_for_ever() -> None:
    """A span that is over is the same as none."""
    now = 0.0
    flood = RateLimitFilter(lambda: now)
    for number in range(5000):
        now = number * 1.0
        assert len(written(flood, 1, account=f"name user{number}")) == 1

    assert len(flood.spans) < 1200


def allowed(grid: Grid, began: float) -> int:
    """So many lines a flood may write that has begun then: a span that was there, and the next ones."""
    spans = 2 + int((time.monotonic() - began) / SECONDS)
    # And what is no flood.
    return grid.config.workers * MOST * spans + 20


def log_of(grid: Grid, begin: int) -> list[str]:
    """The lines of the server's log since a place."""
    return grid.log.read_bytes()[begin:].decode().splitlines()


def test_plain_http_and_broken_connections_do_not_fill_the_log(grid: Grid) -> None:
    """Neither do connections that end at once."""
    begin, began = grid.log.stat().st_size, time.monotonic()
    for number in range(STRANGERS):
        with socket.create_connection(("127.0.0.1", grid.port), 60) as plain:
            if number % 2:
                plain.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
                plain.settimeout(60)
                with suppress(OSError):
                    while plain.recv(1000):
                        pass

    wait_for(lambda: any("no TLS connection" in line for line in log_of(grid, begin)))
    assert len(log_of(grid, begin)) <= allowed(grid, began)


@pytest.mark.parametrize("sent", [b"", b"x", bytes.fromhex("1603010200010001fc0303")])
def test_reset_connections_do_not_fill_the_log(grid: Grid, sent: bytes) -> None:
    """They leave no traceback: a proxy that resets connections makes them, too."""
    begin, began = grid.log.stat().st_size, time.monotonic()
    for _ in range(STRANGERS):
        plain = socket.create_connection(("127.0.0.1", grid.port), 60)
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if sent:
            plain.sendall(sent)
        plain.close()
    grid.resource()
    grid.user().submit()

    lines = log_of(grid, begin)
    assert len(lines) <= allowed(grid, began)
    assert not [line for line in lines if "Traceback" in line or 'File "' in line]


def test_one_user_does_not_fill_the_log(grid: Grid) -> None:
    """Errors of another user are still logged, however often the first one lists a repository."""
    eve, mark = grid.user("eve@desk", ("chem",)), grid.user()
    url = f"{grid.url}/repository/repository_content.php?repository=JOB_{'0' * 32}"
    begin, began = grid.log.stat().st_size, time.monotonic()
    for _ in range(STRANGERS):
        assert eve.client.session.get(url).status_code == 200
    mark.client.session.get(url)

    lines = log_of(grid, begin)
    assert 1 <= sum("eve@desk" in line for line in lines) <= allowed(grid, began)
    assert sum("mark@laptop" in line for line in lines) == 1


def test_a_stranger_cannot_fill_the_log(grid: Grid) -> None:
    """A client without a certificate may be refused any number of times, of which some are logged."""
    before, began = grid.log.read_text().count("'nobody'"), time.monotonic()
    session = anonymous(grid)

    for _ in range(STRANGERS):
        assert "<number> 2 <" in session.get(f"{grid.url}/resources/resource_job_state").text

    assert 1 <= grid.log.read_text().count("'nobody'") - before <= allowed(grid, began)
