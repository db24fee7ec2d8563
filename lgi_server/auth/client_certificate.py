"""Who is at the other end: the verified client certificate of the connection, and nothing else.

Where a front end speaks TLS for us, that of its connection (`front_end`).

A job's certificate is another type than everybody else's, and only `of_caller` ever answers one: whoever asks
`of_request`, as all that does not know of jobs does, refuses them.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from lgi_protocol import common_name
from lgi_protocol.common_name import CommonName
from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_server.auth import job_certificate
from lgi_server.auth.crl import LOOK_SECONDS, Revocation
from lgi_server.auth.job_ca import JobsAuthority
from lgi_server.auth.job_certificate import JobCertificate
from lgi_server.auth.trusted_proxy import TrustedProxy


@dataclass(frozen=True)
class TrustConfig:
    """What decides on certificates that TLS has verified. Without ``jobs`` no job has any."""

    revocation: Revocation
    jobs: JobsAuthority | None
    front_end: TrustedProxy | None = None


@dataclass(frozen=True)
class ClientCertificate:
    """A certificate that the project's CA has signed, and the name it carries."""

    der: bytes
    name: CommonName
    serial: int
    not_after: datetime

    @property
    def caller(self) -> str:
        """How the log calls it."""
        return self.name.name

    @property
    def account(self) -> str:
        """Whose account what it holds is counted for; no job has the same."""
        return f"name {self.name.name}"


def require_user_certificate(environ: Mapping[str, Any], trust: TrustConfig, now: float) -> ClientCertificate:
    """Return the user, resource or server behind a request.

    Raises LGIError CERTIFICATE without a certificate, with one that has expired since the handshake or
    has been revoked, whose common name names nobody, or that is a job's.
    """
    who = authenticate(environ, trust, now)
    if isinstance(who, JobCertificate):
        raise LGIError(ErrorNumber.CERTIFICATE, "a job may not do that")
    return who


def authenticate(
    environ: Mapping[str, Any], trust: TrustConfig, now: float
) -> ClientCertificate | JobCertificate:
    """Authenticate a caller as `require_user_certificate` does, for the little that jobs may do too.

    Whether the job still runs is not asked here.
    """
    der = _shown(environ, trust.front_end)
    if not der:
        raise LGIError(ErrorNumber.CERTIFICATE)
    try:
        identity = _read(der, trust.jobs)
    except ValueError as error:
        raise LGIError(ErrorNumber.CERTIFICATE, str(error)) from None
    if datetime.fromtimestamp(now, UTC) > identity.not_after:
        raise LGIError(ErrorNumber.CERTIFICATE, "it has expired")
    revocation = trust.revocation
    if not 0 <= now - revocation.looked < LOOK_SECONDS:
        revocation.look(now)
    if isinstance(identity, ClientCertificate) and identity.serial in revocation.serials:
        raise LGIError(ErrorNumber.CERTIFICATE, "it has been revoked")
    return identity


def _shown(environ: Mapping[str, Any], front_end: TrustedProxy | None) -> bytes | None:
    """Return the certificate (DER) that a client has shown to us.

    Where a front end speaks TLS for us, the client has shown it there.
    """
    if front_end is not None:
        return front_end.certificate(environ)
    socket = environ.get("gunicorn.socket")
    shown: bytes | None = None if socket is None else socket.getpeercert(binary_form=True)
    return shown


def account(der: bytes | None, trust: TrustConfig) -> str:
    """Return the account of a certificate that TLS has verified; empty when it names nobody."""
    try:
        return _read(der, trust.jobs).account if der else ""
    except ValueError:
        return ""


@lru_cache(maxsize=4096)
def _read(der: bytes, jobs: JobsAuthority | None) -> ClientCertificate | JobCertificate:
    """Whoever is in a certificate, remembered, since who has signed it takes time to find out."""
    certificate = x509.load_der_x509_certificate(der)
    if jobs is not None and jobs.has_issued(certificate):
        return job_certificate.read(certificate)
    return read(der)


@lru_cache(maxsize=4096)
def read(der: bytes) -> ClientCertificate:
    """Return the identity in a certificate of the project's CA.

    ValueError when its subject has not exactly one usable common name.
    """
    certificate = x509.load_der_x509_certificate(der)
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    if len(names) != 1:
        raise ValueError("the certificate has not exactly one common name")
    value = names[0].value
    name = common_name.parse(value if isinstance(value, str) else value.decode("utf-8", "replace"))
    return ClientCertificate(der, name, certificate.serial_number, certificate.not_valid_after_utc)


@lru_cache(maxsize=4096)
def der_of(pem: str) -> bytes:
    """Return the DER bytes of a stored certificate, by which they are compared (ruling 6).

    The result is empty for a certificate that cannot be read.
    """
    try:
        return x509.load_pem_x509_certificate(pem.encode()).public_bytes(Encoding.DER)
    except ValueError:
        return b""


@lru_cache(maxsize=4096)
def fingerprint(pem: str) -> str:
    """SHA-256, in hexadecimal digits, of what stays when a stored certificate is renewed.

    That is issuer, subject and key: who has another one of the same is the same. Empty if it is unreadable.
    """
    der = der_of(pem)
    return _fingerprint(der) if der else ""


def matches_registered(registered: str, who: ClientCertificate) -> bool:
    """Return whether somebody's certificate is the one registered (PEM), or that one renewed."""
    if hmac.compare_digest(der_of(registered), who.der):
        return True
    return hmac.compare_digest(fingerprint(registered), _fingerprint(who.der))


def renewed_pem(registered: str, who: ClientCertificate) -> str:
    """Return the certificate (PEM) of somebody whom `shows` knows.

    The result is empty unless it expires after the registered one.
    """
    if der_of(registered) == who.der or read(der_of(registered)).not_after >= who.not_after:
        return ""
    return x509.load_der_x509_certificate(who.der).public_bytes(Encoding.PEM).decode("ascii")


@lru_cache(maxsize=4096)
def _fingerprint(der: bytes) -> str:
    certificate = x509.load_der_x509_certificate(der)
    key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    digest = hashlib.sha256()
    for part in (certificate.issuer.public_bytes(), certificate.subject.public_bytes(), key):
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()
