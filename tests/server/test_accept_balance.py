"""How new connections are spread over the workers of a server."""

import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from lgi_server.serving.accept_balance import WorkerLoads
from tests.support.grid import Grid, running, wait_for

ROUNDS, MISSED, CONNECTIONS = 12, 2, 12


@pytest.fixture
def two_workers() -> Iterator[Grid]:
    """A server with two workers."""
    with running(Grid(settings={"workers": "2"})) as made:
        yield made


def connections(grid: Grid) -> list[int]:
    """How many connections of clients each worker has."""
    assert grid.process is not None
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    accepted = {f"socket:[{row[9]}]" for row in rows if row[1].endswith(f":{grid.port:04X}")}
    workers = Path(f"/proc/{grid.process.pid}/task/{grid.process.pid}/children").read_text().split()
    return [len(targets(Path(f"/proc/{pid}/fd")) & accepted - listening(rows)) for pid in workers]


def listening(rows: Sequence[Sequence[str]]) -> set[str]:
    """The sockets of this machine that wait for connections."""
    return {f"socket:[{row[9]}]" for row in rows if row[3] == "0A"}


def targets(descriptors: Path) -> set[str]:
    """What the descriptors of a process are, as far as they are still open."""
    found = set()
    for descriptor in descriptors.iterdir():
        with suppress(FileNotFoundError):
            found.add(os.readlink(descriptor))
    return found


class Spread:
    """Opens connections at once and counts them at each worker."""

    def __init__(self, grid: Grid) -> None:
        self._grid = grid
        self._context = grid.people.credentials(grid.people.user("mark@laptop", ("theor",))).context()

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
            found = connections(self._grid)
        wait_for(lambda: connections(self._grid) == [0, 0])
        return found


def test_connections_are_spread_evenly_over_workers(two_workers: Grid) -> None:
    """Of twelve at once each of two workers has six; on a busy machine one may not run for a moment."""
    wait_for(lambda: connections(two_workers) == [0, 0])
    spread = Spread(two_workers)
    # Both workers accept connections.
    wait_for(lambda: min(spread.each()) > 0)

    found = [spread.each() for _round in range(ROUNDS)]

    assert {sum(each) for each in found} == {CONNECTIONS}
    apart = sorted(abs(first - second) for first, second in found)
    # By chance they are 2.7 apart on average; a worker that does not run is not waited for.
    usual = apart[:-MISSED]
    assert sum(usual) <= len(usual), found


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
