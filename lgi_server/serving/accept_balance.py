"""New connections go to the worker that has fewest; by chance, one worker often gets most of them.

The workers share a table of their numbers of connections. One that has more than another leaves a new
connection to it for a moment, and takes it when nobody else has.
"""

import logging
import mmap
import struct
from collections.abc import Callable
from typing import Any

from gevent.server import StreamServer

from lgi_server.background.waiting_resources import worker_slots

log = logging.getLogger("lgi.serve")
# Seconds for which a worker leaves a connection to others, and how often at most.
DELAY, TIMES = 0.002, 10
_SLOT = struct.Struct("=ii")


class WorkerLoads:
    """The number of connections of each worker, in memory that all processes of the server share."""

    def __init__(self, workers: int) -> None:
        """Create the table before any fork."""
        # How many there are.
        self.slots = worker_slots(workers)
        self._memory = mmap.mmap(-1, self.slots * _SLOT.size)

    def take(self) -> int:
        """Return a free slot for a new worker, which counts once it stores a number; -1 if none is free."""
        for slot in range(self.slots):
            if self._row(slot)[0] == 0:
                self._store(slot, 1, -1)
                return slot
        return -1

    def free(self, slot: int) -> None:
        """Forget the worker of a slot, which accepts no more connections."""
        if slot >= 0:
            self._store(slot, 0, 0)

    def set(self, slot: int, connections: int) -> None:
        """Store how many connections the worker of a slot has."""
        if slot >= 0:
            self._store(slot, 1, connections)

    def others(self, slot: int) -> list[int]:
        """Return the slots of the other workers that accept connections."""
        found = []
        for other in range(self.slots):
            taken, connections = self._row(other)
            if taken and connections >= 0 and other != slot:
                found.append(other)
        return found

    def is_ahead(self, slot: int) -> bool:
        """Return whether another worker has fewer connections."""
        if slot < 0:
            return False
        own = self._row(slot)[1]
        others = [self._row(other) for other in range(self.slots) if other != slot]
        return any(taken and 0 <= connections < own for taken, connections in others)

    def _row(self, slot: int) -> tuple[int, int]:
        taken, connections = _SLOT.unpack_from(self._memory, slot * _SLOT.size)
        return taken, connections

    def _store(self, slot: int, taken: int, connections: int) -> None:
        _SLOT.pack_into(self._memory, slot * _SLOT.size, taken, connections)


class BalancedServer(StreamServer):  # type: ignore[misc]
    """gevent's server, which lets ``is_ahead`` decide whether a new connection is left to other workers."""

    is_ahead: Callable[[], bool] = staticmethod(lambda: False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Create a server, as gevent does."""
        super().__init__(*args, **kwargs)
        # gevent forgets its own when it closes, and connections that were accepted before still begin.
        self._handler = self.handle
        self._passed = 0
        self._pause: Any = None

    def do_read(self) -> Any:
        """Accept a connection; None when there is none, or when it is left to others for now."""
        if self._passed < TIMES and self.is_ahead():
            self._passed += 1
            self.stop_accepting()
            self._pause = self.loop.timer(DELAY)
            self._pause.start(self._start_accepting_if_started)
            return None
        self._passed = 0
        return super().do_read()

    def wrap_socket_and_handle(self, client_socket: Any, address: Any) -> Any:
        """Handle a connection with TLS; one that has ended or was reset before that is logged in a line."""
        try:
            wrapped = self.wrap_socket(client_socket, **self.ssl_args)
        except OSError as error:
            log.info("no TLS connection from %s: %s", address[0], ascii(str(error)))
            client_socket.close()
            return None
        with wrapped:
            return self._handler(wrapped, address)
