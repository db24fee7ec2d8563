"""Identification of callers by the verified client certificate of the connection, and by nothing else.

Behind a front end that ends TLS, the client certificate is the one that it passes on (`trusted_proxy`).

Certificates of jobs have their own type, which only `authenticate` returns; `require_user_certificate`
refuses them.
"""

import contextlib
import hashlib
import hmac
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from lgi_protocol import common_name, expiry, notification
from lgi_protocol.common_name import CommonName
from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_protocol.x509_errors import unreadable_as_value_error
from lgi_server.auth import job_certificate
from lgi_server.auth.crl import Revocation
from lgi_server.auth.job_ca import JobsAuthority
from lgi_server.auth.job_certificate import JobCertificate
from lgi_server.auth.trusted_proxy import TrustedProxy


@dataclass(frozen=True)
class TrustConfig:
    """The parts that decide about certificates; without ``jobs`` there are no certificates of jobs."""

    revocation: Revocation
    jobs: JobsAuthority | None
    front_end: TrustedProxy | None = None


@dataclass(frozen=True)
class ClientCertificate:
    """A certificate that the CA of the project has signed, and the parsed common name in it."""

    der: bytes
    name: CommonName
    serial: int
    not_before: datetime
    not_after: datetime

    @property
    def caller(self) -> str:
        """The name of the caller in the log."""
        return self.name.name

    @cached_property
    def account(self) -> str:
        """Whose account what it holds is counted for; no job has the same."""
        return f"name {self.name.name}"


def require_user_certificate(environ: Mapping[str, Any], trust: TrustConfig, now: float) -> ClientCertificate:
    """Return the certificate of the user, resource or server that has sent a request.

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
    """Return the certificate of a caller as `require_user_certificate` does, or that of a job.

    Whether the job still runs is not checked here.
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
    if datetime.fromtimestamp(now, UTC) < identity.not_before:
        raise LGIError(ErrorNumber.CERTIFICATE, f"it {expiry.not_yet_valid(identity.not_before)}")
    revocation = trust.revocation
    if revocation.path:
        try:
            # As `crl.stamp_of`, which would be one more function in each call.
            status = os.stat(revocation.path)
            is_same = (status.st_mtime_ns, status.st_ino, status.st_size) == revocation.stamp
        except OSError:
            is_same = False
        if not is_same or now > revocation.due:
            revocation.check(now)
    if isinstance(identity, ClientCertificate) and identity.serial in revocation.serials:
        raise LGIError(ErrorNumber.CERTIFICATE, "it has been revoked")
    return identity


def _shown(environ: Mapping[str, Any], front_end: TrustedProxy | None) -> bytes | None:
    """Return the certificate (DER) that the client has presented, to this server or its front end."""
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
@unreadable_as_value_error()
def _read(der: bytes, jobs: JobsAuthority | None) -> ClientCertificate | JobCertificate:
    """Return the identity in a certificate; cached, since checking the signature takes time."""
    certificate = x509.load_der_x509_certificate(der)
    if jobs is not None and jobs.has_issued(certificate):
        return job_certificate.read(certificate)
    return read(der)


@lru_cache(maxsize=4096)
@unreadable_as_value_error()
def read(der: bytes) -> ClientCertificate:
    """Return the identity in a certificate of the project's CA.

    Raises ValueError unless its subject has exactly one valid common name.
    """
    certificate = x509.load_der_x509_certificate(der)
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    if len(names) != 1:
        raise ValueError("the certificate has not exactly one common name")
    value = names[0].value
    name = common_name.parse(value if isinstance(value, str) else value.decode("utf-8", "replace"))
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return ClientCertificate(der, name, certificate.serial_number, begin, end)


@unreadable_as_value_error()
def mail_addresses(der: bytes) -> list[str]:
    """Return the mail addresses that the CA has put into a certificate; none of no certificate (empty).

    An address that is no plain one, as with comments, is left out. Raises ValueError.
    """
    if not der:
        return []
    certificate = x509.load_der_x509_certificate(der)
    found = [str(one.value) for one in certificate.subject.get_attributes_for_oid(NameOID.EMAIL_ADDRESS)]
    with contextlib.suppress(x509.ExtensionNotFound):
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        found += names.get_values_for_type(x509.RFC822Name)
    return [notification.check_mail(one) for one in found if notification.is_mail(one)]


@lru_cache(maxsize=4096)
def der_of(pem: str) -> bytes:
    """Return a stored certificate (PEM) as DER, by which certificates are compared (ruling 6).

    The result is empty for a certificate that cannot be read.
    """
    try:
        with unreadable_as_value_error():
            return x509.load_pem_x509_certificate(pem.encode()).public_bytes(Encoding.DER)
    except ValueError:
        return b""


@lru_cache(maxsize=4096)
def fingerprint(pem: str) -> str:
    """Return the SHA-256, in hexadecimal digits, of issuer, subject and key of a stored certificate (PEM).

    A renewed certificate has the same fingerprint. The result is empty for an unreadable one.
    """
    der = der_of(pem)
    return _fingerprint(der) if der else ""


def matches_registered(registered: str, who: ClientCertificate) -> bool:
    """Return whether a certificate is the registered one (PEM), or a renewal of it."""
    if hmac.compare_digest(der_of(registered), who.der):
        return True
    return hmac.compare_digest(fingerprint(registered), _fingerprint(who.der))


def renewed_pem(registered: str, who: ClientCertificate) -> str:
    """Return a matching certificate as PEM if it expires after the registered one, otherwise empty text."""
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
