"""The server's own small authority for jobs: a key, and a certificate that signs those of jobs alone.

It is trusted by this server and by nobody else, and what it has signed is never an ordinary identity.
"""

import os
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_protocol.x509_builder import CLOCK_SKEW, builder, key_usage
from lgi_server.auth import job_certificate
from lgi_server.auth.job_certificate import JobClaims
from lgi_server.config.model import Config

DAYS = 3650
SECRET, PUBLIC = 0o600, 0o644


# By identity, since it is remembered beside what it was asked about.
@dataclass(frozen=True, eq=False)
class JobsAuthority:
    """Signs certificates of jobs that are good for ``days``."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey = field(repr=False)
    days: int

    @property
    def pem(self) -> str:
        """The certificate, for a TLS context to trust."""
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode("ascii")

    def has_issued(self, certificate: x509.Certificate) -> bool:
        """Return whether a certificate was signed with this key.

        ValueError when its issuer is named otherwise.
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

    def issue(self, key: ec.EllipticCurvePublicKey, job: JobClaims, end: datetime, now: datetime) -> bytes:
        """Return a certificate (PEM) for the key of a job, over at ``end`` at the latest."""
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
    """Return the authority of a configuration, made when it is named and neither of its files is there.

    None when there is none, or when another host serves the repositories, which would not know the jobs.
    Raises OSError, or ValueError for files that cannot be used.
    """
    if config.jobs_key is None or config.jobs_certificate is None or config.remote:
        return None
    if not exists(config):
        create(config.jobs_key, config.jobs_certificate, urlsplit(config.url).hostname or "")
    return load(config.jobs_key, config.jobs_certificate, config.job_certificate_days)


def exists(config: Config) -> bool:
    """Return whether one of the files of a configured authority is there."""
    return any(path is not None and path.exists() for path in (config.jobs_key, config.jobs_certificate))


def create(key_file: Path, certificate_file: Path, host: str) -> None:
    """Create a key, readable by its owner only, and its certificate. OSError when a file exists."""
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
        # In an authority's certificate it limits what it signs.
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
    """Return the authority of a key and its certificate.

    Raises OSError, or ValueError for files that cannot be used.
    """
    try:
        certificate = x509.load_pem_x509_certificate(certificate_file.read_bytes())
        key = serialization.load_pem_private_key(key_file.read_bytes(), password=None)
    except (TypeError, ValueError, UnsupportedAlgorithm) as error:
        raise ValueError(f"cannot use jobs_key {key_file} with {certificate_file}: {error}") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
        raise ValueError(f"jobs_key {key_file} is not the key of jobs_certificate {certificate_file}")
    return JobsAuthority(certificate, key, days)


def read_request(request: bytes) -> ec.EllipticCurvePublicKey:
    """Return the public key in a signing request (DER), of which nothing else counts.

    Raises LGIError CERTIFICATE.
    """
    try:
        read = x509.load_der_x509_csr(request)
        key, is_signed = read.public_key(), read.is_signature_valid
    except (TypeError, ValueError, UnsupportedAlgorithm) as error:
        raise _unusable(str(error)) from None
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise _unusable("the key of a job is an EC key on P-256")
    if not is_signed:
        raise _unusable("it is not signed with its own key")
    return key


def _unusable(why: str) -> LGIError:
    return LGIError(ErrorNumber.CERTIFICATE, why, message="The request for a certificate cannot be used")
