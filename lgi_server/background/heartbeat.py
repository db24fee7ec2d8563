"""A worker's word that its server can be reached: no daemon is called silent while nobody heard it."""

import logging
import threading
import time
from functools import partial

from lgi_protocol.errors import LGIError
from lgi_server.db.pool import Database
from lgi_server.db.transaction import Transaction
from lgi_server.tables import event_queue, server_heartbeats

log = logging.getLogger("lgi.heartbeat")
SECONDS = 10.0


class Heartbeat:
    """What the workers of a server write into the database of a project, as long as they live."""

    def __init__(self, database: Database, server: str, seconds: float = SECONDS) -> None:
        """``server`` is what the workers of one server on one machine have in common."""
        self._database = database
        self._server = server
        self._seconds = seconds

    def start(self) -> None:
        """Write from now on, in a thread of this process."""
        threading.Thread(target=self._keep_beating, daemon=True).start()

    def _keep_beating(self) -> None:
        while True:
            try:
                self._database.run(partial(self._beat, now=int(time.time())))
            except LGIError as error:
                log.warning("no heartbeat was stored: %s", error)
            time.sleep(self._seconds)

    def _beat(self, transaction: Transaction, now: int) -> None:
        if server_heartbeats.beat(transaction, self._server, now):
            # What the master has changed meanwhile is fetched at once.
            event_queue.insert(transaction, event_queue.CHECK_UPDATES, now)
