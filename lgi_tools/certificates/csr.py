"""Certificate signing requests (PKCS #10): a key is generated where it is used, and is never sent."""

from pathlib import Path
from typing import TYPE_CHECKING

from lgi_protocol.x509_errors import unreadable_as_value_error
from lgi_tools.certificates import keys
from lgi_tools.certificates.keys import KeyType

if TYPE_CHECKING:
    # Slow to load: functions that need them import them.
    from lgi_protocol.x509_builder import PrivateKey, PublicKey

# Of RSA keys; EC keys are on one of the curves of TLS.
FEWEST_BITS = 2048
_CURVES = ("secp256r1", "secp384r1", "secp521r1")


def make(key: "PrivateKey") -> bytes:
    """Return a request (PEM) for a key, with an empty subject: the CA decides the name."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.serialization import Encoding

    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


def key_of(request: bytes) -> "PublicKey":
    """Return the key in a request (PEM); the rest is ignored. Raises ValueError for an unusable request."""
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    try:
        with unreadable_as_value_error():
            read = x509.load_pem_x509_csr(request)
            key, is_signed = read.public_key(), read.is_signature_valid
    except ValueError as error:
        raise ValueError(f"it is not a certificate request: {error}") from None
    if not is_signed:
        raise ValueError("it is not signed with its own key")
    if isinstance(key, rsa.RSAPublicKey) and key.key_size >= FEWEST_BITS:
        return key
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in _CURVES:
        return key
    raise ValueError(f"its key is neither EC on P-256, P-384 or P-521 nor RSA of {FEWEST_BITS} bits or more")


def kept_key(path: Path, key_type: KeyType) -> "PrivateKey":
    """Return the key in a file, generated if the file does not exist. Raises OSError, ValueError."""
    if path.exists():
        return keys.read_key(path)
    return keys.create(path, key_type)
