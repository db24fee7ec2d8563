"""PKCS12 files of browsers: a key, its certificate and the CA certificate, encrypted by a password."""

from pathlib import Path
from typing import TYPE_CHECKING

from lgi_protocol.value_object import value_object
from lgi_protocol.x509_errors import unreadable_as_value_error

if TYPE_CHECKING:
    # Slow to load: functions that need them import them.
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization

    from lgi_protocol.x509_builder import PrivateKey


_ROUNDS = 20_000


@value_object
class Bundle:
    """The content of a PKCS12 file."""

    key: "PrivateKey"
    certificate: "x509.Certificate"
    ca: "x509.Certificate"


def pack(name: str, bundle: Bundle, password: str, compatible: bool = False) -> bytes:
    """Return the bytes of a file that browsers and openssl 1.1 and newer can read.

    ``compatible`` uses weak encryption, which older systems can read.
    """
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.serialization import pkcs12

    return pkcs12.serialize_key_and_certificates(
        name.encode(),
        bundle.key,
        bundle.certificate,
        [bundle.ca],
        _weak(password) if compatible else serialization.BestAvailableEncryption(password.encode()),
    )


def _weak(password: str) -> "serialization.KeySerializationEncryption":
    """3DES, and SHA-1 for the whole: Android before 14 and macOS before 15 know nothing newer."""
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.serialization import pkcs12

    return (
        serialization.PrivateFormat.PKCS12.encryption_builder()
        .kdf_rounds(_ROUNDS)
        .key_cert_algorithm(pkcs12.PBES.PBESv1SHA1And3KeyTripleDESCBC)
        .hmac_hash(hashes.SHA1())  # noqa: S303 - what these systems read
        .build(password.encode())
    )


def unpack(path: Path, password: str) -> Bundle:
    """Return the content of a file. Raises OSError, ValueError for a wrong password or content."""
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
    from cryptography.hazmat.primitives.serialization import pkcs12

    try:
        with unreadable_as_value_error():
            key, certificate, others = pkcs12.load_key_and_certificates(path.read_bytes(), password.encode())
    except ValueError as error:
        raise ValueError(f"{path} cannot be opened: {error}") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) or certificate is None:
        raise ValueError(f"{path} contains no certificate with an EC or RSA key")
    for other in others:
        if other.subject == certificate.issuer:
            return Bundle(key, certificate, other)
    raise ValueError(
        f"{path} contains no CA certificate: create the file with 'export', or openssl's -certfile"
    )
