"""Where a database may be reached: hosts in the order they are preferred, those that are away last."""

import time
from collections.abc import Callable
from urllib.parse import urlsplit

PORT = 3306
# A host that did not answer is not asked first again so soon: finding that out may take seconds.
AWAY_SECONDS = 10.0

Host = tuple[str, int]


class Hosts:
    """The nodes of a cluster, or the one host there is."""

    def __init__(self, text: str, clock: Callable[[], float] = time.monotonic) -> None:
        """``host:port, ...`` as in an address; ValueError for what is none."""
        self._hosts = [_host(part.strip()) for part in text.split(",")]
        self._clock = clock
        self._away: dict[Host, float] = {}

    def in_turn(self) -> list[Host]:
        """All of them, in the order to try them."""
        now = self._clock()
        return sorted(self._hosts, key=lambda host: self._away.get(host, now) > now)

    def is_away(self, host: Host) -> None:
        """It has not answered."""
        self._away[host] = self._clock() + AWAY_SECONDS


def _host(text: str) -> Host:
    parts = urlsplit(f"//{text}")
    return parts.hostname or "localhost", parts.port or PORT
