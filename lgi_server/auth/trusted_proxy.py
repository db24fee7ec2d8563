"""A front end that ends TLS: it passes the client certificate that it has verified in a header.

Any client can send a header. So it is trusted only if nobody but the front end can have sent it: on a Unix
socket, or with a shared secret.
"""

import base64
import binascii
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_protocol.x509_errors import unreadable_as_value_error
from lgi_server.auth.job_ca import JobsAuthority
from lgi_server.config.model import Config

SECRET_HEADER = "X-LGI-Front-End-Secret"  # noqa: S105 - the name of the header, not what it holds
SHORTEST_SECRET = 32
_OTHERS_MAY_READ = 0o077


# eq=False: it is hashed by identity as part of a cache key.
@dataclass(frozen=True, eq=False)
class TrustedProxy:
    """The trust in a front end: the header with certificates, the CAs, and the secret, empty for a socket."""

    header: str
    secret: bytes = field(repr=False)
    authorities: tuple[x509.Certificate, ...]

    def certificate(self, environ: Mapping[str, Any]) -> bytes:
        """Return the client's certificate (DER), empty if it has presented none.

        Raises LGIError CERTIFICATE for a request without the secret, or with a certificate that no CA of the
        project has signed for a client, which the front end should have refused.
        """
        posted = environ.get(_key(SECRET_HEADER), "").encode("latin-1")
        if self.secret and not hmac.compare_digest(posted, self.secret):
            raise LGIError(ErrorNumber.CERTIFICATE, "the request has not come through the front end")
        text = environ.get(_key(self.header), "").strip()
        try:
            return _verified(text, self) if text else b""
        except ValueError as error:
            raise LGIError(ErrorNumber.CERTIFICATE, str(error)) from None


@lru_cache(maxsize=4096)
@unreadable_as_value_error()
def _verified(text: str, front_end: TrustedProxy) -> bytes:
    """Return the certificate (DER) in a header; ValueError unless a CA has signed it for a client."""
    try:
        with unreadable_as_value_error():
            certificate = x509.load_der_x509_certificate(_der(text))
    except ValueError as error:
        raise ValueError(f"cannot read the certificate from the front end: {error}") from None
    if not _is_of_a_client(certificate) or not any(_signed(certificate, by) for by in front_end.authorities):
        raise ValueError("no authority of the project has signed it for a client")
    return certificate.public_bytes(Encoding.DER)


@unreadable_as_value_error()
def from_config(config: Config, jobs: JobsAuthority | None) -> TrustedProxy:
    """Return the front end of a configuration.

    Raises ValueError or OSError for a file that cannot be used.
    """
    authorities = x509.load_pem_x509_certificates(config.ca_certificate.read_bytes())
    if jobs is not None:
        authorities.append(jobs.certificate)
    secret = read_secret(config.front_end_secret) if config.front_end_secret else b""
    return TrustedProxy(config.front_end_header, secret, tuple(authorities))


def read_secret(path: Path) -> bytes:
    """Return the secret in a file. Raises ValueError if it is too short, or if others may read the file."""
    if path.stat().st_mode & _OTHERS_MAY_READ:
        raise ValueError(f"{path} may be read by others: chmod 600 it")
    secret = path.read_bytes().strip()
    if len(secret) < SHORTEST_SECRET:
        raise ValueError(
            f"the secret in {path} has {len(secret)} characters, too few: {SHORTEST_SECRET} or more"
        )
    return secret


def _key(header: str) -> str:
    """Return the key of a header in the environment of WSGI."""
    return f"HTTP_{header.upper().replace('-', '_')}"


def _der(text: str) -> bytes:
    """Return a certificate as DER; it is percent-encoded PEM (nginx, Apache) or base64 (haproxy)."""
    if "," in text:
        raise ValueError("the header has two certificates")
    plain = unquote_to_bytes(text)
    if plain.startswith(b"-----BEGIN CERTIFICATE-----"):
        return x509.load_pem_x509_certificate(plain).public_bytes(Encoding.DER)
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from None


def _is_of_a_client(certificate: x509.Certificate) -> bool:
    """Return whether a certificate is for clients, as one without extended key usage is."""
    try:
        usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return True
    return ExtendedKeyUsageOID.CLIENT_AUTH in usage


def _signed(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    try:
        with unreadable_as_value_error():
            certificate.verify_directly_issued_by(authority)
    except (ValueError, InvalidSignature):
        return False
    return True
