"""The connections of running jobs in one worker: they are closed when their job ends.

A certificate is verified once in a connection, and a request may take long: without this, the key of an ended
job could still hold a connection.
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
CHECK_SECONDS = 5.0


class JobConnections:
    """The connections of one worker, by job."""

    def __init__(self, runs: Callable[[JobCertificate], bool], seconds: float = CHECK_SECONDS) -> None:
        """Check every ``seconds``, by ``runs``, whether each job still runs; ``runs`` may raise LGIError."""
        self._runs = runs
        self._seconds = seconds
        self._guard = threading.Lock()
        self._connections: dict[JobCertificate, WeakSet[Any]] = {}
        self._is_running = False

    def add(self, who: JobCertificate, connection: Any) -> None:
        """Add a connection of a job; the same one may be added with each request."""
        with self._guard:
            self._connections.setdefault(who, WeakSet()).add(connection)
            if self._is_running:
                return
            self._is_running = True
        threading.Thread(target=self._keep_checking, daemon=True).start()

    def _keep_checking(self) -> None:
        while True:
            time.sleep(self._seconds)
            with self._guard:
                self._connections = {
                    who: some
                    for who, some in self._connections.items()
                    if any(one.fileno() >= 0 for one in some)
                }
                known = dict(self._connections)
                if not known:
                    self._is_running = False
                    return
            for who, connections in known.items():
                if self._has_ended(who):
                    self._close(who, list(connections))

    def _has_ended(self, who: JobCertificate) -> bool:
        try:
            return not self._runs(who)
        except LGIError:
            # The database cannot be reached: the next check will find out.
            return False
        except Exception:
            # A fault in one look must not end those at all other jobs.
            log.exception("cannot check whether %s runs", who.caller)
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
    """Shut a connection down, as if its client had closed it.

    This is done on the socket below TLS, since another greenlet may be using TLS.
    """
    try:
        with socket.fromfd(connection.fileno(), connection.family, connection.type) as plain:
            plain.shutdown(socket.SHUT_RDWR)
    except OSError:
        return
