"""The thread of the scheduler that sends notifications: a slow mail server delays no other task."""

import logging
import threading
import time
from collections.abc import Callable, Mapping

from lgi_protocol.backoff import Backoff
from lgi_protocol.errors import LGIError
from lgi_server.config.model import Config
from lgi_server.db.pool import Database
from lgi_server.services.notifications import events
from lgi_server.services.notifications.delivery import Delivery

log = logging.getLogger("lgi.scheduler")
# Seconds between two searches for messages, and for arrays that have started or ended.
LOOK_SECONDS, ARRAY_SECONDS = 0.9, 5.0
# Delays while the database cannot be reached.
BACKOFF = Backoff(2 * LOOK_SECONDS, longest=10.0)


class NotificationSender:
    """Sends the notifications of one project."""

    def __init__(self, delivery: Delivery, end: threading.Event) -> None:
        """Nothing is sent before `keep`."""
        self._delivery, self._end = delivery, end
        self._next_look, self._array = 0.0, 0

    def keep(self) -> None:
        """Send what is due until the end, also while the database comes and goes."""
        pause, failures = LOOK_SECONDS, 0
        while not self._end.wait(pause):
            try:
                self.send()
                pause, failures = LOOK_SECONDS, 0
            except LGIError as error:
                log.warning("project %s: notifications: %s", self._delivery.project, error)
                pause, failures = BACKOFF.next_delay(failures), failures + 1
            except Exception:
                # Whatever is stored there, the next messages are sent.
                log.exception("project %s: notifications", self._delivery.project)
                pause, failures = BACKOFF.next_delay(failures), failures + 1

    def send(self) -> None:
        """Look at the arrays once in a while, and send what is due."""
        now = int(time.time())
        if time.monotonic() >= self._next_look:
            self._next_look = time.monotonic() + ARRAY_SECONDS
            self._array = events.look_at_arrays(self._delivery.database, now, self._array)
        self._delivery.send_due(now)


def of_projects(
    config: Config, databases: Mapping[str, Database], end: threading.Event
) -> list[Callable[[], None]]:
    """Return the work of a sender for each project, until ``end`` is set."""
    return [NotificationSender(Delivery(config, *project), end).keep for project in databases.items()]
