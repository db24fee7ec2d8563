"""How many turns of a busy event loop new connections wait for; a turn lasts as long as its calls take."""

import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from typing import Any

import gevent
import gevent.socket
import pytest
from gevent.event import Event
from gevent.pool import Pool

from lgi_server.serving.accept_balance import AT_ONCE, PATIENCE, BalancedServer, WorkerLoads

QUEUED, SECONDS = 200, 60


class BusyLoop:
    """An event loop each turn of which takes at least so long, with the connections of its servers."""

    def __init__(self, stack: ExitStack) -> None:
        self.turns = 0
        self._stack = stack
        self._clients: list[socket.socket] = []
        self._listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=QUEUED))
        # All servers accept from one queue, as the workers of a server do.
        self.servers: list[BalancedServer] = []
        self._ended, self._end = Event(), Event()
        self._handled = 0

    def add_server(self, is_ahead: Callable[[], bool], tell: Callable[[int], object], **tls: Any) -> None:
        """A server that has accepted nothing yet; ``tell`` is told the number of its connections."""
        listener = gevent.socket.socket(fileno=os.dup(self._listener.fileno()))
        server = BalancedServer(listener, handle=self._handle, spawn=Pool(QUEUED), **tls)
        server.max_accept = AT_ONCE
        server.is_ahead = is_ahead
        server.tell_load = lambda: tell(len(server.pool))
        self._stack.callback(server.close)
        self.servers.append(server)

    def connect(self, number: int) -> None:
        """That number of connections comes together, before any server can look for them."""
        for _one in range(number):
            client = socket.create_connection(self._listener.getsockname())
            self._clients.append(self._stack.enter_context(client))

    def _handle(self, _connection: Any, _address: Any) -> None:
        for server in self.servers:
            server.tell_load()
        self._handled += 1
        if self._handled == len(self._clients):
            self._ended.set()
        self._end.wait()

    def run(self, seconds: float, most: int) -> list[int]:
        """The connections of each server when all are handled, or after ``most`` turns."""
        self.turns = 0
        self._ended.clear()

        def turn() -> None:
            self.turns += 1
            time.sleep(seconds)
            if self.turns > most:
                self._ended.set()

        loop = gevent.get_hub().loop
        # With an idle watcher the loop does not wait for events: it turns all the time.
        each, idle = loop.check(), loop.idle()
        each.start(turn)
        idle.start(int)
        try:
            for server in self.servers:
                server.start()
            assert self._ended.wait(SECONDS)
        finally:
            each.stop()
            idle.stop()
        return [len(server.pool) for server in self.servers]

    def end(self) -> None:
        """End all handlers."""
        self._end.set()
        for server in self.servers:
            server.pool.join()


@pytest.fixture
def busy() -> Iterator[BusyLoop]:
    """A busy loop without a server."""
    with ExitStack() as stack:
        made = BusyLoop(stack)
        stack.callback(made.end)
        yield made


def test_connections_that_come_together_wait_for_few_turns_of_busy_workers(busy: BusyLoop) -> None:
    """Two workers that are busy have about as many each, though each looks seldom at the other's number."""
    loads = WorkerLoads(2)
    for slot in (loads.take(), loads.take()):
        loads.set(slot, 0)
        busy.add_server(partial(loads.is_ahead, slot), partial(loads.set, slot))
    busy.connect(QUEUED)

    found = busy.run(0.006, most=QUEUED // 4)

    assert sum(found) == QUEUED, busy.turns
    assert abs(found[0] - found[1]) <= 2 * AT_ONCE, found


def test_connections_left_to_a_worker_that_hangs_are_taken_as_time_passes(busy: BusyLoop) -> None:
    """A loop whose turn takes longer than a connection is left to others takes several in a turn."""
    busy.add_server(lambda: True, lambda _number: None)
    busy.connect(40)

    found = busy.run(3 * PATIENCE, most=30)

    assert found == [40], busy.turns


def test_connections_are_left_to_the_worker_that_has_fewer(busy: BusyLoop) -> None:
    """The one that is ahead waits, finds that the other has taken them, and does so again."""
    number = AT_ONCE // 2
    busy.add_server(lambda: True, lambda _number: None)
    busy.add_server(lambda: False, lambda _number: None)
    busy.connect(number)
    assert busy.run(0.001, most=1000) == [0, number]
    gevent.sleep(5 * PATIENCE)

    busy.connect(number)

    assert busy.run(0.001, most=1000) == [0, 2 * number]


class BrokenContext:
    """A TLS context for connections that were reset before their handshake."""

    def wrap_socket(self, *_arguments: Any, **_names: Any) -> None:
        """As the system refuses to name the other end."""
        raise OSError("not connected")


def test_connections_that_were_reset_are_not_counted_for_their_worker(busy: BusyLoop) -> None:
    """Else it would leave to others what comes next."""
    told: list[int] = []
    busy.add_server(lambda: False, lambda _number: told.append(server.starting), ssl_context=BrokenContext())
    (server,) = busy.servers
    busy.connect(5)

    busy.run(0.0, most=20)

    assert (max(told), told[-1], server.starting) == (5, 0, 0)
