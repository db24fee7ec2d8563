"""Keys of jobs, certificate signing requests, and the check of the certificates received.

Import it in the functions that use it: cryptography takes 10 MB, which a daemon without such jobs saves.
"""

from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from lgi_protocol.x509_errors import unreadable_as_value_error


@dataclass(frozen=True)
class JobCertificate:
    """A certificate (PEM), and when half of its validity is over, in Unix seconds."""

    pem: str
    half_over: float


def generate() -> str:
    """Return a new key (PEM)."""
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return pem.decode()


def signing_request(key_pem: str) -> bytes:
    """Return a certificate signing request (DER), without a subject: the server sets it.

    Raise ValueError when the key is not one of `generate`.
    """
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    return builder.sign(_key(key_pem), hashes.SHA256()).public_bytes(serialization.Encoding.DER)


@unreadable_as_value_error()
def load_certificate(pem: bytes, key_pem: str) -> JobCertificate:
    """Return a certificate that a server has sent. Raise ValueError unless it is one for this key."""
    certificate = x509.load_pem_x509_certificate(pem)
    if certificate.public_key() != _key(key_pem).public_key():
        raise ValueError("the answer is not a certificate for its key")
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return JobCertificate(pem.decode("ascii"), (begin + (end - begin) / 2).timestamp())


def _key(pem: str) -> ec.EllipticCurvePrivateKey:
    key = serialization.load_pem_private_key(pem.encode(), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError("the key in its record is not an elliptic curve key")
    return key
