"""The certificate revocation list (CRL), read again when its file changes."""

import logging
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509

log = logging.getLogger("lgi.revocation")
CHECK_SECONDS = 10.0
_DAY = 86_400.0


class Revocation:
    """The CRL of the CA; without a configured file no certificate is revoked."""

    def __init__(self, crl: Path | None, ca_certificate: Path) -> None:
        """Read the CRL. Raises ValueError or OSError when a configured one cannot be used."""
        self._path = crl
        self._ca = x509.load_pem_x509_certificate(ca_certificate.read_bytes())
        # When the file was last checked, and the revoked serial numbers in it.
        self.checked = float("-inf")
        self._stamp: tuple[int, int] | None = None
        self.serials: frozenset[int] = frozenset()
        # When the next list is due, and when the log last said that it is overdue.
        self._next = float("inf")
        self._warned = float("-inf")
        if crl is not None:
            self._stamp = self._stamp_now(crl)
            self._load(crl)

    def is_revoked(self, serial: int, now: float) -> bool:
        """Return whether a serial number is on the list, whose file is checked every CHECK_SECONDS."""
        if not 0 <= now - self.checked < CHECK_SECONDS:
            self.check(now)
        return serial in self.serials

    def check(self, now: float) -> None:
        """Read the file again if it has changed; ``now`` is in seconds."""
        self.checked = now
        if self._path is not None:
            self._refresh(self._path)
            self._warn(self._path, now)

    def _refresh(self, path: Path) -> None:
        """Read a changed file; if it is damaged the old list stays in force, and the log says so."""
        try:
            stamp = self._stamp_now(path)
            if stamp != self._stamp:
                self._load(path)
                self._stamp = stamp
                log.info("read the revocation list %s: %d revoked", path, len(self.serials))
        except (OSError, ValueError) as error:
            log.error("keeping the old revocation list: cannot use %s: %s", path, error)

    def _warn(self, path: Path, now: float) -> None:
        """Log once a day that the list is overdue; it stays in force, or the project would stop."""
        if now > self._next and not 0 <= now - self._warned < _DAY:
            self._warned = now
            due = datetime.fromtimestamp(self._next, UTC)
            log.warning("the revocation list %s should have been replaced on %s", path, f"{due:%Y-%m-%d}")

    @staticmethod
    def _stamp_now(path: Path) -> tuple[int, int]:
        status = path.stat()
        return status.st_mtime_ns, status.st_ino

    def _load(self, path: Path) -> None:
        crl = x509.load_pem_x509_crl(path.read_bytes())
        key = self._ca.public_key()
        if not crl.is_signature_valid(key):  # type: ignore[arg-type]
            raise ValueError("it is not signed by the CA")
        self.serials = frozenset(entry.serial_number for entry in crl)
        self._next = crl.next_update_utc.timestamp() if crl.next_update_utc else float("inf")
