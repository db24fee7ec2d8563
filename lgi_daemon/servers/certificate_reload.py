"""Uses the renewed certificates of daemon and CA, and warns before they expire."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime

from lgi_daemon.servers.connections import ServerConnections, fingerprint
from lgi_protocol import expiry
from lgi_protocol.credentials import Credentials, file_stamps

log = logging.getLogger(__name__)

CHECK_SECONDS = 5.0
_DAY = 24 * 3600.0


class CertificateReloader:
    """Checks the files of the credentials in use. Connections read changed files by themselves."""

    def __init__(
        self,
        credentials: Credentials,
        servers: ServerConnections,
        today: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Take ``today``, which returns the calendar time that the validity of certificates refers to."""
        self._servers = servers
        self._today = today
        self.watch(credentials)

    def watch(self, credentials: Credentials) -> None:
        """Check the files of other credentials from now on."""
        self._credentials = credentials
        self._stamps = file_stamps(credentials.files)
        self._servers.certificate_fingerprint = fingerprint(credentials)
        self._check_at = self._warn_at = float("-inf")

    def tick(self, now: float) -> None:
        """Check what is due at ``now``, in seconds of the daemon's clock."""
        if now < self._check_at:
            return
        self._check_at = now + CHECK_SECONDS
        stamps = file_stamps(self._credentials.files)
        if stamps != self._stamps:
            self._stamps = stamps
            self._reload()
            self._warn_at = now
        if now >= self._warn_at:
            self._warn_at = now + _DAY
            files = (self._credentials.certificate, self._credentials.ca)
            for warning in expiry.warnings(files, self._today()):
                log.warning("%s", warning)

    def _reload(self) -> None:
        try:
            self._credentials.context()
        except ValueError as error:
            # One of two files may be replaced before the other, whose replacement is a change again.
            log.warning("keeping the old certificate: %s", error)
        else:
            self._servers.certificate_fingerprint = fingerprint(self._credentials)
            log.info("now using the renewed certificate %s", self._credentials.certificate)
