"""The certificate revocation list (CRL) in the directory of a CA."""

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from lgi_protocol.x509_errors import unreadable_as_value_error
from lgi_tools.certificates import keys, profiles

if TYPE_CHECKING:
    # Slow to load: functions that need them import them.
    from cryptography import x509

    from lgi_protocol.x509_builder import PrivateKey


def read(path: Path) -> "x509.CertificateRevocationList":
    """Return the revocation list in a PEM file. Raises OSError, or ValueError naming the file."""
    from cryptography import x509

    try:
        with unreadable_as_value_error():
            return x509.load_pem_x509_crl(path.read_bytes())
    except ValueError as error:
        raise ValueError(f"{path} contains no revocation list: {error}") from None


def serials(path: Path) -> frozenset[int]:
    """Return the serial numbers of the revoked certificates. Raises the errors of `read`."""
    return frozenset(each.serial_number for each in read(path))


def write(
    path: Path, issuer: "x509.Certificate", key: "PrivateKey", entries: "Iterable[x509.RevokedCertificate]"
) -> None:
    """Sign a list of revoked certificates with the CA's key and replace the file atomically."""
    from cryptography.hazmat.primitives.serialization import Encoding

    made = profiles.sign_revocations(issuer, key, tuple(entries), datetime.now(UTC))
    keys.write_file(path, made.public_bytes(Encoding.PEM), keys.PUBLIC, replace=True)
