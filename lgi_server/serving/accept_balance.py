"""New connections go to the worker that has fewest; by chance, one worker often gets most of them.

The workers share a table of their numbers of connections. One that has more than another leaves a new
connection to it for a moment, and takes it when nobody else has. A loop that is busy turns seldom: then each
turn accepts several connections, and as many more as moments have passed.
"""

import logging
import mmap
import struct
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from gevent.server import StreamServer

from lgi_server.background.waiting_resources import worker_slots

log = logging.getLogger("lgi.serve")
# Seconds for which a worker leaves a connection to others, and between two looks meanwhile.
PATIENCE, LOOK_SECONDS = 0.02, 0.002
# Connections that one of several workers accepts in a turn of its loop; calls in progress come in between.
AT_ONCE = 16
# A worker has more than another when it has a connection and this part of the other's more.
_SLACK = 16
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
        """Return whether another worker has fewer connections; for many, clearly fewer."""
        if slot < 0:
            return False
        own = self._row(slot)[1]
        others = [self._row(other) for other in range(self.slots) if other != slot]
        return any(taken and number >= 0 and number + number // _SLACK < own for taken, number in others)

    def _row(self, slot: int) -> tuple[int, int]:
        taken, connections = _SLOT.unpack_from(self._memory, slot * _SLOT.size)
        return taken, connections

    def _store(self, slot: int, taken: int, connections: int) -> None:
        _SLOT.pack_into(self._memory, slot * _SLOT.size, taken, connections)


class BalancedServer(StreamServer):  # type: ignore[misc]
    """gevent's server, which lets ``is_ahead`` decide whether a new connection is left to other workers.

    ``tell_load`` is called when a connection was accepted; ``starting`` of them are not being handled yet.
    """

    is_ahead: Callable[[], bool] = staticmethod(lambda: False)
    tell_load: Callable[[], object] = staticmethod(lambda: None)
    _handle: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Create a server, as gevent does."""
        super().__init__(*args, **kwargs)
        # gevent forgets its own when it closes, and connections that were accepted before still begin.
        self._handler = self.handle
        self.starting = 0
        # Since when connections are left to others; later by PATIENCE for each that was taken.
        self._since: float | None = None
        self._pause = self.loop.timer(LOOK_SECONDS)

    def init_socket(self) -> None:
        """Prepare for the first connection, as gevent does."""
        super().init_socket()
        self._handle = partial(self._begin, self._handle)

    def do_read(self) -> Any:
        """Accept a connection; None when there is none, or when it is left to others for now."""
        if not self.is_ahead():
            self._since = None
        elif not self._has_waited():
            self.stop_accepting()
            if not self._pause.active:
                self._pause.start(self._look)
            return None
        accepted = super().do_read()
        if accepted is None:
            self._since = None
        return accepted

    def _has_waited(self) -> bool:
        """Return whether a connection was left to others for long enough, and count that for this one."""
        now = time.monotonic()
        if self._since is None:
            self._since = now
        # A turn that took long allows no more than what is accepted in one.
        since = max(self._since, now - self.max_accept * PATIENCE)
        if now < since + PATIENCE:
            return False
        self._since = since + PATIENCE
        return True

    def _look(self) -> None:
        """Accept what was left to others, or not yet, in this turn of the loop and not in the next."""
        if self.started:
            self.start_accepting()
            self._do_read()

    def do_handle(self, *args: Any) -> None:
        """Have a connection handled in a greenlet of its own, and count it at once: others may be next."""
        self.starting += 1
        try:
            super().do_handle(*args)
        except BaseException:
            self.starting -= 1
            raise
        self.tell_load()

    def _begin(self, handle: Callable[..., Any], *args: Any) -> Any:
        self.starting -= 1
        return handle(*args)

    def wrap_socket_and_handle(self, client_socket: Any, address: Any) -> Any:
        """Handle a connection with TLS; one that has ended or was reset before that is logged in a line."""
        try:
            wrapped = self.wrap_socket(client_socket, **self.ssl_args)
        except OSError as error:
            log.info("no TLS connection from %s: %s", address[0], ascii(str(error)))
            client_socket.close()
            self.tell_load()
            return None
        with wrapped:
            return self._handler(wrapped, address)
