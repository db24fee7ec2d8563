"""The connections of running jobs in one worker: they are closed when their job ends.

A certificate is looked at once in a connection, and a request that comes slowly goes on for long: whoever has
the key of a job that has ended would hold what the job was given.
"""

import logging
import socket
import threading
import time
from collections.abc import Callable
from typing import Any
from weakref import WeakSet

from lgi_protocol.errors import LGIError
from lgi_server.auth.job_certificate import JobCertificate

log = logging.getLogger("lgi.api")
LOOK_SECONDS = 5.0


class JobConnections:
    """The connections of one worker, by the job that has them."""

    def __init__(self, runs: Callable[[JobCertificate], bool], seconds: float = LOOK_SECONDS) -> None:
        """Ask ``runs`` every so many seconds whether a job still does; it raises LGIError if nobody knows."""
        self._runs = runs
        self._seconds = seconds
        self._guard = threading.Lock()
        self._connections: dict[JobCertificate, WeakSet[Any]] = {}
        self._looking = False

    def add(self, who: JobCertificate, connection: Any) -> None:
        """Note that a job has a connection, as often as it asks for something."""
        with self._guard:
            self._connections.setdefault(who, WeakSet()).add(connection)
            if self._looking:
                return
            self._looking = True
        threading.Thread(target=self._keep_looking, daemon=True).start()

    def _keep_looking(self) -> None:
        while True:
            time.sleep(self._seconds)
            with self._guard:
                self._connections = {who: some for who, some in self._connections.items() if some}
                known = dict(self._connections)
                if not known:
                    self._looking = False
                    return
            for who, connections in known.items():
                if self._has_ended(who):
                    self._close(who, list(connections))

    def _has_ended(self, who: JobCertificate) -> bool:
        try:
            return not self._runs(who)
        except LGIError:
            # The database is away: the next look will tell.
            return False

    def _close(self, who: JobCertificate, connections: list[Any]) -> None:
        with self._guard:
            self._connections.pop(who, None)
        open_ones = [one for one in connections if one.fileno() >= 0]
        for connection in open_ones:
            _shut_down(connection)
        if open_ones:
            log.info("%s has ended: %d connections closed", who.caller, len(open_ones))


def _shut_down(connection: Any) -> None:
    """End a connection for whoever reads from or writes to it, as if its client had.

    The socket below TLS, since that of TLS would be in use.
    """
    try:
        with socket.fromfd(connection.fileno(), connection.family, connection.type) as plain:
            plain.shutdown(socket.SHUT_RDWR)
    except OSError:
        return
