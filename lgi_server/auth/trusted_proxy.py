"""A web server in front that speaks TLS for us: the client certificate it has verified comes in a header.

A header is text that anybody can write, so it is believed only where nobody but the front end can have
written it: on a socket of this machine's file system, or beside a secret that the two share.
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
from lgi_server.auth.job_ca import JobsAuthority
from lgi_server.config.model import Config

SECRET_HEADER = "X-LGI-Front-End-Secret"  # noqa: S105 - the name of the header, not what it holds
SHORTEST_SECRET = 32
_OTHERS_MAY_READ = 0o077


# By identity, since what it has found is remembered.
@dataclass(frozen=True, eq=False)
class TrustedProxy:
    """What tells the front end's word from everybody else's. Without a ``secret`` the socket is the proof."""

    header: str
    secret: bytes = field(repr=False)
    authorities: tuple[x509.Certificate, ...]

    def certificate(self, environ: Mapping[str, Any]) -> bytes:
        """Return the client's certificate (DER), empty where it showed none.

        Raises LGIError CERTIFICATE for a request that has not come through the front end, or with a
        certificate that no authority of ours has signed for a client: the front end should have refused it.
        """
        said = environ.get(_key(SECRET_HEADER), "").encode("latin-1")
        if self.secret and not hmac.compare_digest(said, self.secret):
            raise LGIError(ErrorNumber.CERTIFICATE, "the request has not come through the front end")
        text = environ.get(_key(self.header), "").strip()
        try:
            return _verified(text, self) if text else b""
        except ValueError as error:
            raise LGIError(ErrorNumber.CERTIFICATE, str(error)) from None


@lru_cache(maxsize=4096)
def _verified(text: str, front_end: TrustedProxy) -> bytes:
    """Return the certificate (DER) in a header; ValueError when no authority has signed it for a client."""
    try:
        certificate = x509.load_der_x509_certificate(_der(text))
    except ValueError as error:
        raise ValueError(f"what the front end has handed on is not readable: {error}") from None
    if not _is_of_a_client(certificate) or not any(_signed(certificate, by) for by in front_end.authorities):
        raise ValueError("no authority of the project has signed it for a client")
    return certificate.public_bytes(Encoding.DER)


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
    """Return the secret in a file. ValueError for one that is too short, or that others may read."""
    if path.stat().st_mode & _OTHERS_MAY_READ:
        raise ValueError(f"{path} may be read by others: chmod 600 it")
    secret = path.read_bytes().strip()
    if len(secret) < SHORTEST_SECRET:
        raise ValueError(
            f"the secret in {path} has {len(secret)} characters, too few: {SHORTEST_SECRET} or more"
        )
    return secret


def _key(header: str) -> str:
    """Return where WSGI keeps a header."""
    return f"HTTP_{header.upper().replace('-', '_')}"


def _der(text: str) -> bytes:
    """PEM with percent signs (nginx, Apache) or DER in base64 (haproxy). ValueError for anything else."""
    if "," in text:
        raise ValueError("there are two of them")
    plain = unquote_to_bytes(text)
    if plain.startswith(b"-----BEGIN CERTIFICATE-----"):
        return x509.load_pem_x509_certificate(plain).public_bytes(Encoding.DER)
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from None


def _is_of_a_client(certificate: x509.Certificate) -> bool:
    """Return whether a certificate may be shown by a client; one that says nothing may."""
    try:
        usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return True
    return ExtendedKeyUsageOID.CLIENT_AUTH in usage


def _signed(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True
