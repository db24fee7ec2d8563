"""Where a database may be reached: hosts in the order they are preferred, those that are away last."""

import time
from collections.abc import Callable, Sequence

from lgi_server.config.database import Host

# A host that did not answer is not asked first again so soon: finding that out may take seconds.
AWAY_SECONDS = 10.0


class Hosts:
    """The nodes of a cluster, or the one host there is."""

    def __init__(self, hosts: Sequence[Host], clock: Callable[[], float] = time.monotonic) -> None:
        """In the order they are preferred; ``clock`` is in seconds."""
        self._hosts = tuple(hosts)
        self._clock = clock
        self._away: dict[Host, float] = {}

    def in_turn(self) -> list[Host]:
        """Return all of them, in the order to try them."""
        now = self._clock()
        return sorted(self._hosts, key=lambda host: self._away.get(host, now) > now)

    def is_away(self, host: Host) -> None:
        """Note that the host has not answered."""
        self._away[host] = self._clock() + AWAY_SECONDS
