"""The list of revoked certificates, read again when its file changes."""

import logging
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509

log = logging.getLogger("lgi.revocation")
LOOK_SECONDS = 10.0
_DAY = 86_400.0


class Revocation:
    """The CA's CRL. Without a configured file nobody is revoked."""

    def __init__(self, crl: Path | None, ca_certificate: Path) -> None:
        """Read the CRL. Raises ValueError when a configured one cannot be used at the start."""
        self._path = crl
        self._ca = x509.load_pem_x509_certificate(ca_certificate.read_bytes())
        # When the file was last looked at, and the revoked serial numbers in it.
        self.looked = float("-inf")
        self._stamp: tuple[int, int] | None = None
        self.serials: frozenset[int] = frozenset()
        # When the list itself says that there is a newer one, and when the log last said that it is missing.
        self._next = float("inf")
        self._warned = float("-inf")
        if crl is not None:
            self._stamp = self._stamp_now(crl)
            self._load(crl)

    def is_revoked(self, serial: int, now: float) -> bool:
        """Return whether a serial number is on the list, which is looked at again every few seconds."""
        if not 0 <= now - self.looked < LOOK_SECONDS:
            self.look(now)
        return serial in self.serials

    def look(self, now: float) -> None:
        """Look at the file, if there is one."""
        self.looked = now
        if self._path is not None:
            self._refresh(self._path)
            self._warn(self._path, now)

    def _refresh(self, path: Path) -> None:
        """Take over a changed file; a damaged one leaves the old list in force and is logged."""
        try:
            stamp = self._stamp_now(path)
            if stamp != self._stamp:
                self._load(path)
                self._stamp = stamp
                log.info("read the revocation list %s: %d revoked", path, len(self.serials))
        except (OSError, ValueError) as error:
            log.error("keeping the old revocation list, %s cannot be used: %s", path, error)

    def _warn(self, path: Path, now: float) -> None:
        """Say once a day that the list is overdue. It is obeyed: to refuse everybody stops the project."""
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
