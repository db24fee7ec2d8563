"""Reload of the server's certificate, its key and the CA's certificate when their files change.

The first context stays in use, since TLS sessions are resumed with its keys; a newer one replaces it during
a handshake only.
"""

import logging
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from lgi_protocol import expiry
from lgi_protocol.credentials import file_stamps

log = logging.getLogger("lgi.renewal")
LOOK_SECONDS = 2.0
_DAY = timedelta(days=1)


class CertificateReloader:
    """Uses the current files of a TLS context for its new connections."""

    def __init__(
        self, context: ssl.SSLContext, files: tuple[Path, ...], make: Callable[[], ssl.SSLContext]
    ) -> None:
        """Watch files; ``make`` returns a new context like ``context``, or raises ValueError or OSError."""
        self._files = files
        self._make = make
        self._stamps = file_stamps(files)
        self._current = context
        self._warned = datetime.min.replace(tzinfo=UTC)
        context.sni_callback = self._choose

    def _choose(self, connection: ssl.SSLObject, _host: str | None, first: ssl.SSLContext) -> None:
        """Choose the context in every handshake, whether or not the client names a host."""
        if self._current is not first:
            connection.context = self._current

    def look(self, now: datetime) -> None:
        """Read changed files again; unusable ones are logged, and the old certificate stays in use.

        Once a day certificates that expire within thirty days are logged.
        """
        found = file_stamps(self._files)
        if found != self._stamps:
            self._stamps = found
            self._take_up()
        if now - self._warned >= _DAY:
            self._warned = now
            for warning in expiry.warnings(self._files, now):
                log.warning("%s", warning)

    def _take_up(self) -> None:
        names = ", ".join(map(str, self._files))
        try:
            self._current = self._make()
        except (OSError, ValueError) as error:
            # One of two files may be replaced before the other, whose replacement is a change again.
            log.warning("keeping the old certificate, the new files cannot be used: %s", error)
        else:
            log.info("read again: %s", names)
