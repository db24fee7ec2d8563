"""The certificate revocation list (CRL), read again when its file changes: at once in each worker."""

import logging
import os
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509

from lgi_protocol.x509_errors import unreadable_as_value_error

log = logging.getLogger("lgi.revocation")
Stamp = tuple[int, int, int]
# A file that cannot be used is tried again after so many seconds, or when it changes.
CHECK_SECONDS = 10.0
_DAY = 86_400.0


class Revocation:
    """The CRL of the CA; without a configured file no certificate is revoked."""

    def __init__(self, crl: Path | None, ca_certificate: Path) -> None:
        """Read the CRL. Raises ValueError or OSError when a configured one cannot be used."""
        self.path = crl
        with unreadable_as_value_error():
            self._ca = x509.load_pem_x509_certificate(ca_certificate.read_bytes())
        # The state of the file with the revoked serial numbers; that of a later one that could not be used.
        self.stamp: Stamp | None = None
        self._damaged: Stamp | None = None
        self._damaged_at = float("-inf")
        self.serials: frozenset[int] = frozenset()
        # When the next list is due, and when the log last said that it is overdue.
        self.due = float("inf")
        self._warned = float("-inf")
        if crl is not None:
            self.stamp = stamp_of(crl)
            self._load(crl)

    def is_revoked(self, serial: int, now: float) -> bool:
        """Return whether a serial number is on the list, as `check`."""
        self.check(now)
        return serial in self.serials

    def check(self, now: float) -> None:
        """Read the file again if it has changed; ``now`` is in seconds.

        Called for each request: a revocation is in force in all workers when the file is written.
        """
        if self.path is None:
            return
        stamp = stamp_of(self.path)
        if stamp != self.stamp and not self._is_known_damage(stamp, now):
            self._refresh(self.path, stamp, now)
        if now > self.due:
            self._warn(self.path, now)

    def _is_known_damage(self, stamp: Stamp, now: float) -> bool:
        return stamp == self._damaged and 0 <= now - self._damaged_at < CHECK_SECONDS

    def _refresh(self, path: Path, stamp: Stamp, now: float) -> None:
        """Read a changed file; if it is damaged the old list stays in force, and the log says so."""
        try:
            self._load(path)
            self.stamp = stamp
            log.info("read the revocation list %s: %d revoked", path, len(self.serials))
        except (OSError, ValueError) as error:
            self._damaged, self._damaged_at = stamp, now
            log.error("keeping the old revocation list: cannot use %s: %s", path, error)

    def _warn(self, path: Path, now: float) -> None:
        """Log once a day that the list is overdue; it stays in force, or the project would stop."""
        if not 0 <= now - self._warned < _DAY:
            self._warned = now
            due = datetime.fromtimestamp(self.due, UTC)
            log.warning("the revocation list %s should have been replaced on %s", path, f"{due:%Y-%m-%d}")

    @unreadable_as_value_error()
    def _load(self, path: Path) -> None:
        crl = x509.load_pem_x509_crl(path.read_bytes())
        key = self._ca.public_key()
        if not crl.is_signature_valid(key):  # type: ignore[arg-type]
            raise ValueError("it is not signed by the CA")
        self.serials = frozenset(entry.serial_number for entry in crl)
        self.due = crl.next_update_utc.timestamp() if crl.next_update_utc else float("inf")


def stamp_of(path: Path) -> Stamp:
    """Return what changes with a file; zeros when there is none."""
    try:
        status = os.stat(path)
    except OSError:
        return (0, 0, 0)
    return status.st_mtime_ns, status.st_ino, status.st_size
