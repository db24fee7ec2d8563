"""Keys of jobs, requests to certify them, and whether what came back fits.

Import it where it is used: what it stands on takes 10 MB, which a daemon that only looks after jobs saves.
"""

from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


@dataclass(frozen=True)
class Certified:
    """A certificate (PEM) for a key, and when half of its time is over, in unix seconds."""

    pem: str
    half_over: float


def new() -> str:
    """A key (PEM)."""
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return pem.decode()


def request(key_pem: str) -> bytes:
    """A signing request (DER). The server knows the job's name better than we do: it has none.

    ValueError when the key is none of ours.
    """
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    return builder.sign(_key(key_pem), hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def certified(pem: bytes, key_pem: str) -> Certified:
    """A certificate that somebody has sent; ValueError unless it is one for this key."""
    certificate = x509.load_pem_x509_certificate(pem)
    try:
        fits = certificate.public_key() == _key(key_pem).public_key()
    except UnsupportedAlgorithm as error:
        raise ValueError(str(error)) from None
    if not fits:
        raise ValueError("the answer is not a certificate for its key")
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return Certified(pem.decode("ascii"), (begin + (end - begin) / 2).timestamp())


def _key(pem: str) -> ec.EllipticCurvePrivateKey:
    key = serialization.load_pem_private_key(pem.encode(), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError("the key in its record is not one of ours")
    return key
