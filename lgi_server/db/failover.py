"""Failover between the hosts of a database: in order of preference, unreachable ones last."""

import time
from collections.abc import Callable, Sequence

from lgi_server.config.database import Host

# Seconds for which a host that did not answer is tried last: finding that out may take seconds.
AWAY_SECONDS = 10.0


class Hosts:
    """The nodes of a cluster, or a single host."""

    def __init__(self, hosts: Sequence[Host], clock: Callable[[], float] = time.monotonic) -> None:
        """Create the list of hosts in order of preference; ``clock`` is in seconds."""
        self._hosts = tuple(hosts)
        self._clock = clock
        self._away: dict[Host, float] = {}

    def ordered(self) -> list[Host]:
        """Return all hosts in the order to try them."""
        now = self._clock()
        return sorted(self._hosts, key=lambda host: self._away.get(host, now) > now)

    def mark_unreachable(self, host: Host) -> None:
        """Try a host last for AWAY_SECONDS, since it has not answered."""
        self._away[host] = self._clock() + AWAY_SECONDS
