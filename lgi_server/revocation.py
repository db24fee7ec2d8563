"""The list of revoked certificates, read again when its file changes."""

import logging
from pathlib import Path

from cryptography import x509

log = logging.getLogger("lgi.revocation")
LOOK_SECONDS = 10.0


class Revocation:
    """The CA's CRL. Without a configured file nobody is revoked."""

    def __init__(self, crl: Path | None, ca_certificate: Path) -> None:
        """Raises ValueError when a configured CRL cannot be used at the start."""
        self._path = crl
        self._ca = x509.load_pem_x509_certificate(ca_certificate.read_bytes())
        self._looked = float("-inf")
        self._stamp: tuple[int, int] | None = None
        self._serials: frozenset[int] = frozenset()
        if crl is not None:
            self._stamp = self._stamp_now(crl)
            self._serials = self._load(crl)

    def is_revoked(self, serial: int, now: float) -> bool:
        """Whether a serial number is on the list, which is looked at again every few seconds."""
        if self._path is not None and not 0 <= now - self._looked < LOOK_SECONDS:
            self._looked = now
            self._refresh(self._path)
        return serial in self._serials

    def _refresh(self, path: Path) -> None:
        """Take over a changed file; a damaged one leaves the old list in force and is logged."""
        try:
            stamp = self._stamp_now(path)
            if stamp != self._stamp:
                self._serials = self._load(path)
                self._stamp = stamp
                log.info("read the revocation list %s: %d revoked", path, len(self._serials))
        except (OSError, ValueError) as error:
            log.error("keeping the old revocation list, %s cannot be used: %s", path, error)

    @staticmethod
    def _stamp_now(path: Path) -> tuple[int, int]:
        status = path.stat()
        return status.st_mtime_ns, status.st_ino

    def _load(self, path: Path) -> frozenset[int]:
        crl = x509.load_pem_x509_crl(path.read_bytes())
        key = self._ca.public_key()
        if not crl.is_signature_valid(key):  # type: ignore[arg-type]
            raise ValueError("it is not signed by the CA")
        return frozenset(entry.serial_number for entry in crl)
