"""Heartbeats of servers: jobs are not lost while no server could receive the heartbeats of daemons."""

import logging
import threading
import time
from functools import partial

from lgi_protocol.errors import LGIError
from lgi_server.db.pool import Database
from lgi_server.db.transaction import Transaction
from lgi_server.tables import event_queue, restorations, server_heartbeats
from lgi_server.tables.restorations import Restoration

log = logging.getLogger("lgi.heartbeat")
SECONDS = 10.0


class Heartbeat:
    """The heartbeat of a server, written by its workers to the database of a project."""

    def __init__(self, database: Database, server: str, seconds: float = SECONDS) -> None:
        """Create the heartbeat; ``server`` is the same for all workers of a server on one machine."""
        self._database = database
        self._server = server
        self._seconds = seconds
        self._is_first = True
        self._restoration: Restoration | None = None

    def start(self) -> None:
        """Start a thread that writes the heartbeat every ``seconds``."""
        threading.Thread(target=self._keep_beating, daemon=True).start()

    def _keep_beating(self) -> None:
        while True:
            try:
                self._database.run(partial(self._beat, now=int(time.time())))
            except LGIError as error:
                log.warning("cannot store the heartbeat of this server: %s", error)
            except Exception:
                # A fault in one must not end all others: the server would count as down.
                log.exception("cannot store the heartbeat of this server")
            time.sleep(self._seconds)

    def _beat(self, transaction: Transaction, now: int) -> None:
        if server_heartbeats.beat(transaction, self._server, now):
            # After an outage: updates that the master has made meanwhile are fetched at once.
            event_queue.insert(transaction, event_queue.CHECK_UPDATES, now)
        if self._is_first:
            self._restoration = restorations.begin(transaction, now)
        if self._restoration is not None and now >= self._restoration.quiet_until:
            if number := restorations.release(transaction):
                log.info("%d jobs of a restored database that nobody has taken back are offered", number)
                event_queue.job_changed(transaction, now)
            self._restoration = None
        self._is_first = False
