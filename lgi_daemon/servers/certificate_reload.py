"""The daemon's certificate and its CA's: used once they were renewed, and warned of before they end."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime

from lgi_daemon.servers.connections import ServerConnections, fingerprint
from lgi_protocol import expiry
from lgi_protocol.credentials import Credentials, file_stamps

log = logging.getLogger(__name__)

LOOK_SECONDS = 5.0
_DAY = 24 * 3600.0


class Certificates:
    """Looks at the files of the credentials in use. Connections take up new ones by themselves."""

    def __init__(
        self,
        credentials: Credentials,
        servers: ServerConnections,
        today: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """``today`` is the time of the calendar, which certificates know."""
        self._servers = servers
        self._today = today
        self.use(credentials)

    def use(self, credentials: Credentials) -> None:
        """Look after other files from now on."""
        self._credentials = credentials
        self._stamps = file_stamps(credentials.files)
        self._servers.shown = fingerprint(credentials)
        self._look_at = self._warn_at = float("-inf")

    def tick(self, now: float) -> None:
        """Do what is due; ``now`` is in seconds of a clock that never goes back."""
        if now < self._look_at:
            return
        self._look_at = now + LOOK_SECONDS
        found = file_stamps(self._credentials.files)
        if found != self._stamps:
            self._stamps = found
            self._renewed()
            self._warn_at = now
        if now >= self._warn_at:
            self._warn_at = now + _DAY
            files = (self._credentials.certificate, self._credentials.ca)
            for warning in expiry.warnings(files, self._today()):
                log.warning("%s", warning)

    def _renewed(self) -> None:
        try:
            self._credentials.context()
        except ValueError as error:
            # One of two files may be there before the other: the other one's coming is a change again.
            log.warning("keeping the old certificate: %s", error)
        else:
            self._servers.shown = fingerprint(self._credentials)
            log.info("the renewed certificate %s is used from now on", self._credentials.certificate)
