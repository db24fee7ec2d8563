"""A cache of the rows of resources and servers.

The row of a resource has its certificate and capabilities, and every answer has the master: reading both with
each call would cost more than the rest of most calls. Whether a resource or session exists, whether a
resource is drained, and who has a job locked, is never taken from the cache.
"""

import time
from collections.abc import Callable

from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_server.db.transaction import Transaction
from lgi_server.tables import active_resources
from lgi_server.tables.active_resources import ResourceRow


class ResourceCache:
    """The rows of active_resources that one worker has read lately."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        """Create a cache whose entries are read again when they are older than ``seconds`` of ``clock``."""
        self._seconds = seconds
        self._clock = clock
        self._resources: dict[int, tuple[float, ResourceRow]] = {}
        self._servers: tuple[float, tuple[ResourceRow, ...]] = (0.0, ())

    def resource(self, transaction: Transaction, resource_id: int) -> ResourceRow:
        """Return a resource that is known to exist."""
        kept = self._resources.get(resource_id)
        if kept is not None and self._clock() - kept[0] < self._seconds:
            return kept[1]
        return self.reload(transaction, resource_id)

    def reload(self, transaction: Transaction, resource_id: int) -> ResourceRow:
        """Read a resource from the database and return it; LGIError RESOURCE_UNKNOWN if it is gone."""
        now = self._clock()
        self._resources = {
            key: kept for key, kept in self._resources.items() if now - kept[0] < self._seconds
        }
        found = active_resources.numbered(transaction, resource_id)
        if found is None:
            raise LGIError(ErrorNumber.RESOURCE_UNKNOWN)
        self._resources[resource_id] = (now, found)
        return found

    def servers(self, transaction: Transaction) -> tuple[ResourceRow, ...]:
        """Return the project's servers; an empty list is not cached."""
        now = self._clock()
        since, found = self._servers
        if not found or now - since >= self._seconds:
            found = tuple(active_resources.servers(transaction))
            self._servers = (now, found)
        return found

    def invalidate(self, resource_id: int) -> None:
        """Have a resource read from the database at its next call."""
        self._resources.pop(resource_id, None)
