"""How new connections are spread over the workers of a server."""

import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from lgi_server.serving.accept_balance import WorkerLoads
from tests.support.grid import Grid, running, wait_for

ROUNDS, CONNECTIONS = 6, 12


@pytest.fixture
def two_workers() -> Iterator[Grid]:
    """A server with two workers."""
    with running(Grid(settings={"workers": "2"})) as made:
        yield made


def sockets(grid: Grid) -> list[int]:
    """How many sockets each worker has."""
    assert grid.process is not None
    children = Path(f"/proc/{grid.process.pid}/task/{grid.process.pid}/children").read_text().split()
    workers = [pid for pid in children if "LGI_server" in Path(f"/proc/{pid}/cmdline").read_text()]
    return [sum(is_socket(entry) for entry in Path(f"/proc/{pid}/fd").iterdir()) for pid in workers]


def is_socket(descriptor: Path) -> bool:
    """Whether a descriptor of a process is a socket, if it is still open."""
    with suppress(FileNotFoundError):
        return os.readlink(descriptor).startswith("socket:")
    return False


class Spread:
    """Opens connections at once and counts them at each worker."""

    def __init__(self, grid: Grid) -> None:
        self._grid = grid
        self._context = grid.people.credentials(grid.people.user("mark@laptop", ("theor",))).context()
        self._idle = sockets(grid)

    def each(self) -> list[int]:
        """The connections of each worker, which have ended afterwards."""
        with ExitStack() as stack:
            plain = [
                stack.enter_context(socket.create_connection(("127.0.0.1", self._grid.port)))
                for _number in range(CONNECTIONS)
            ]
            for one in plain:
                # A worker has accepted it when the handshake is done.
                stack.enter_context(self._context.wrap_socket(one, server_hostname="localhost"))
            found = [now - idle for now, idle in zip(sockets(self._grid), self._idle, strict=True)]
        wait_for(lambda: sockets(self._grid) == self._idle, 30)
        return found


def test_connections_are_spread_evenly_over_workers(two_workers: Grid) -> None:
    """Of twelve at once each of two workers has six, give or take one on a busy machine."""
    wait_for(lambda: len(sockets(two_workers)) == 2, 30)
    # The probe of the start has ended, and both workers accept connections.
    wait_for(lambda: sockets(two_workers) == sockets(two_workers), 30)
    spread = Spread(two_workers)
    wait_for(lambda: min(spread.each()) > 0, 30)

    found = [spread.each() for _round in range(ROUNDS)]

    assert {sum(each) for each in found} == {CONNECTIONS}
    assert max(abs(first - second) for first, second in found) <= 2


def test_a_worker_is_ahead_of_one_that_has_fewer() -> None:
    """Not of itself, of free slots, or of a worker that has not begun."""
    loads = WorkerLoads(2)
    first, second, starting = loads.take(), loads.take(), loads.take()
    loads.set(first, 3)
    loads.set(second, 3)

    assert not loads.is_ahead(first)
    loads.set(second, 2)
    assert loads.is_ahead(first)
    assert not loads.is_ahead(second)
    assert not loads.is_ahead(starting)
    loads.free(second)
    assert not loads.is_ahead(first)
    assert loads.take() == second


def test_a_server_with_more_workers_than_slots_goes_on_without_balance() -> None:
    """As when reloads follow each other faster than workers end."""
    loads = WorkerLoads(1)
    slots = [loads.take() for _number in range(5)]
    loads.set(slots[-1], 10)

    assert slots[-1] == -1
    assert not loads.is_ahead(slots[-1])
