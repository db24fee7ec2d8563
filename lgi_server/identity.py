"""Who is at the other end: the verified client certificate of the connection, and nothing else."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from lgi_protocol import common_name
from lgi_protocol.common_name import CommonName
from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_server.revocation import Revocation


@dataclass(frozen=True)
class Identity:
    """A certificate that a CA of ours has signed, and the name it carries."""

    der: bytes
    name: CommonName
    serial: int
    not_after: datetime


def of_request(environ: Mapping[str, Any], revocation: Revocation, now: float) -> Identity:
    """The identity behind a request.

    Raises LGIError CERTIFICATE without a certificate, with one that has expired since the handshake or
    has been revoked, or whose common name names nobody.
    """
    socket = environ.get("gunicorn.socket")
    der = None if socket is None else socket.getpeercert(binary_form=True)
    if not der:
        raise LGIError(ErrorNumber.CERTIFICATE)
    try:
        identity = read(der)
    except ValueError as error:
        raise LGIError(ErrorNumber.CERTIFICATE, str(error)) from None
    if datetime.fromtimestamp(now, UTC) > identity.not_after:
        raise LGIError(ErrorNumber.CERTIFICATE, "it has expired")
    if revocation.is_revoked(identity.serial, now):
        raise LGIError(ErrorNumber.CERTIFICATE, "it has been revoked")
    return identity


@lru_cache(maxsize=4096)
def read(der: bytes) -> Identity:
    """The identity in a certificate; ValueError when its subject has not exactly one usable common name."""
    certificate = x509.load_der_x509_certificate(der)
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    if len(names) != 1:
        raise ValueError("the certificate has not exactly one common name")
    value = names[0].value
    name = common_name.parse(value if isinstance(value, str) else value.decode("utf-8", "replace"))
    return Identity(der, name, certificate.serial_number, certificate.not_valid_after_utc)


@lru_cache(maxsize=4096)
def der_of(pem: str) -> bytes:
    """The DER bytes of a stored certificate, by which they are compared (ruling 6); empty if unreadable."""
    try:
        return x509.load_pem_x509_certificate(pem.encode()).public_bytes(Encoding.DER)
    except ValueError:
        return b""
