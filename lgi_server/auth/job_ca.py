"""The certificate authority for jobs: a key and a certificate of this server that sign only those of jobs.

Only this server trusts it, and a certificate that it has signed never identifies a user, resource or server.
"""

import os
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_protocol.x509_builder import CLOCK_SKEW, builder, key_usage
from lgi_protocol.x509_errors import unreadable_as_value_error
from lgi_server.auth import job_certificate
from lgi_server.auth.job_certificate import JobClaims
from lgi_server.config.model import Config

DAYS = 3650
# Certificates that are kept, and how long: answers to exchanges that are made at once have the same jobs.
KEPT, KEPT_TIME = 256, timedelta(minutes=1)
SECRET, PUBLIC = 0o600, 0o644


# eq=False: it is hashed by identity as part of a cache key.
@dataclass(frozen=True, eq=False)
class JobsAuthority:
    """Signs certificates of jobs, valid for ``days`` at most."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey = field(repr=False)
    days: int
    _kept: dict[tuple[bytes, JobClaims], tuple[datetime, bytes]] = field(default_factory=dict, repr=False)

    @property
    def pem(self) -> str:
        """The certificate of the authority, for a TLS context."""
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode("ascii")

    def has_issued(self, certificate: x509.Certificate) -> bool:
        """Return whether a certificate was signed with this key.

        Raises ValueError when the issuer in it does not agree with that.
        """
        algorithm = certificate.signature_hash_algorithm
        try:
            if algorithm is None:
                raise InvalidSignature
            signed = certificate.signature, certificate.tbs_certificate_bytes
            self.key.public_key().verify(*signed, ec.ECDSA(algorithm))
            is_ours = True
        except InvalidSignature:
            is_ours = False
        if is_ours != (certificate.issuer == self.certificate.subject):
            raise ValueError("the certificate was not signed by the issuer it names")
        return is_ours

    def issue_once(self, request: bytes, job: JobClaims, end: datetime, now: datetime) -> bytes:
        """Return a certificate as `issue` does, for the key in a signing request (DER).

        The same request for the same job is answered with the same certificate for a while. Raises LGIError
        CERTIFICATE.
        """
        made, certificate = self._kept.get((request, job), (None, b""))
        if made is None or not made <= now < made + KEPT_TIME:
            certificate = self.issue(read_request(request), job, end, now)
            if len(self._kept) >= KEPT:
                self._kept.clear()
            self._kept[request, job] = now, certificate
        return certificate

    def issue(self, key: ec.EllipticCurvePublicKey, job: JobClaims, end: datetime, now: datetime) -> bytes:
        """Return a certificate (PEM) for the key of a job; it expires at ``end`` at the latest."""
        last = min(now + timedelta(days=self.days), end, self.certificate.not_valid_after_utc)
        names = x509.SubjectAlternativeName([job_certificate.alternative(job)])
        use = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
        begin = now - CLOCK_SKEW
        made = (
            builder(
                job_certificate.subject(job), self.certificate.subject, key, self.key, begin=begin, end=last
            )
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(key_usage(signs=True), critical=True)
            .add_extension(use, critical=False)
            .add_extension(names, critical=False)
        )
        return made.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def load_or_create(config: Config) -> JobsAuthority | None:
    """Return the authority of a configuration; it is created if none of its files exists.

    None if none is configured, or if another host serves the repositories, which could not verify jobs.
    Raises OSError, or ValueError for files that cannot be used.
    """
    if config.jobs_key is None or config.jobs_certificate is None or config.remote:
        return None
    if not exists(config):
        create(config.jobs_key, config.jobs_certificate, urlsplit(config.url).hostname or "")
    return load(config.jobs_key, config.jobs_certificate, config.job_certificate_days)


def exists(config: Config) -> bool:
    """Return whether any file of the configured authority exists."""
    return any(path is not None and path.exists() for path in (config.jobs_key, config.jobs_certificate))


def create(key_file: Path, certificate_file: Path, host: str) -> None:
    """Create a key, readable by its owner only, and its certificate. Raises OSError if a file exists."""
    now = datetime.now(UTC)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "LGI jobs"),
            x509.NameAttribute(NameOID.COMMON_NAME, f"LGI jobs of {host}"[:64]),
        ]
    )
    made = (
        builder(name, name, key.public_key(), key, begin=now - CLOCK_SKEW, end=now + timedelta(days=DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(key_usage(issues=True), critical=True)
        # In the certificate of an authority this limits the certificates that it signs.
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
    )
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    _write(key_file, secret, SECRET)
    _write(certificate_file, made.sign(key, hashes.SHA256()).public_bytes(pem), PUBLIC)


def _write(path: Path, data: bytes, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    with os.fdopen(descriptor, "wb") as opened:
        opened.write(data)
        opened.flush()
        os.fsync(opened.fileno())


def load(key_file: Path, certificate_file: Path, days: int) -> JobsAuthority:
    """Return the authority in two files.

    Raises OSError, or ValueError for files that cannot be used.
    """
    try:
        with unreadable_as_value_error():
            certificate = x509.load_pem_x509_certificate(certificate_file.read_bytes())
            key = serialization.load_pem_private_key(key_file.read_bytes(), password=None)
    except ValueError as error:
        raise ValueError(f"cannot use jobs_key {key_file} with {certificate_file}: {error}") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
        raise ValueError(f"jobs_key {key_file} is not the key of jobs_certificate {certificate_file}")
    return JobsAuthority(certificate, key, days)


def read_request(request: bytes) -> ec.EllipticCurvePublicKey:
    """Return the public key in a signing request (DER); its other parts are ignored.

    Raises LGIError CERTIFICATE.
    """
    try:
        with unreadable_as_value_error():
            read = x509.load_der_x509_csr(request)
            key, is_signed = read.public_key(), read.is_signature_valid
    except ValueError as error:
        raise _unusable(str(error)) from None
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise _unusable("its key is not an EC key on P-256")
    if not is_signed:
        raise _unusable("it is not signed with its own key")
    return key


def _unusable(why: str) -> LGIError:
    return LGIError(ErrorNumber.CERTIFICATE, why, message="The certificate signing request cannot be used")
