"""What stands in each kind of certificate: its use, its names, its time."""

import ipaddress
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from lgi_tools.certificates.key_files import PrivateKey, PublicKey

# A little in the past, so that a machine whose clock is behind accepts a certificate made just now.
CLOCK_SKEW = timedelta(hours=1)
_HOST = re.compile(
    r"(\*\.)?([A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?\.)*[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?"
)


class Kind(StrEnum):
    """Whom a certificate is for; it stands in the certificate as ``OU=LGI <kind>``."""

    AUTHORITY = "authority"
    SERVER = "server"
    RESOURCE = "resource"
    USER = "user"


@dataclass(frozen=True)
class Validity:
    """From when until when a certificate is good, in UTC."""

    begin: datetime
    end: datetime

    @classmethod
    def of_days(cls, days: int, now: datetime | None = None) -> "Validity":
        """From an hour ago until ``days`` from now."""
        now = now or datetime.now(UTC)
        return cls(now - CLOCK_SKEW, now + timedelta(days=days))

    def until(self, end: datetime) -> "Validity":
        """The same, but over at ``end`` at the latest."""
        return Validity(self.begin, min(self.end, end))


def subject(common_name: str, kind: Kind) -> x509.Name:
    """The name in a certificate; LGI reads the common name only."""
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, f"LGI {kind}"),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def host_name(text: str) -> x509.GeneralName:
    """A host name or IP address as a certificate lists it; ValueError when it is neither."""
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        pass
    if not _HOST.fullmatch(text) or len(text) > 253:
        raise ValueError(f"{text!r} is neither a host name nor an IP address")
    return x509.DNSName(text)


def hosts_of(certificate: x509.Certificate) -> tuple[x509.GeneralName, ...]:
    """The host names and addresses of a server's certificate; none of others."""
    try:
        return tuple(certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
    except x509.ExtensionNotFound:
        return ()


def sign_authority(key: PrivateKey, name: str, validity: Validity) -> x509.Certificate:
    """The CA's own certificate, good for signing certificates and revocation lists only."""
    own = subject(name, Kind.AUTHORITY)
    builder = _builder(own, own, key.public_key(), key, validity)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_key_usage(signs=False, enciphers=False, issues=True), critical=True)
    return builder.sign(key, hashes.SHA256())


def sign_leaf(
    issuer: x509.Certificate,
    issuer_key: PrivateKey,
    key: PublicKey,
    name: x509.Name,
    validity: Validity,
    hosts: tuple[x509.GeneralName, ...] = (),
) -> x509.Certificate:
    """A certificate for a server when there are hosts, otherwise for one who calls a server."""
    use = ExtendedKeyUsageOID.SERVER_AUTH if hosts else ExtendedKeyUsageOID.CLIENT_AUTH
    enciphers = isinstance(key, rsa.RSAPublicKey)
    builder = _builder(name, issuer.subject, key, issuer_key, validity)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(_key_usage(signs=True, enciphers=enciphers, issues=False), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([use]), critical=False)
    if hosts:
        builder = builder.add_extension(x509.SubjectAlternativeName(hosts), critical=False)
    return builder.sign(issuer_key, hashes.SHA256())


def sign_revocations(
    issuer: x509.Certificate,
    issuer_key: PrivateKey,
    revoked: tuple[x509.RevokedCertificate, ...],
    now: datetime,
) -> x509.CertificateRevocationList:
    """A revocation list, valid as long as the CA: it is renewed when something changes, not by the clock."""
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.subject)
        .last_update(now - CLOCK_SKEW)
        .next_update(issuer.not_valid_after_utc)
        .add_extension(x509.CRLNumber(int(now.timestamp())), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False
        )
    )
    for one in revoked:
        builder = builder.add_revoked_certificate(one)
    return builder.sign(issuer_key, hashes.SHA256())


def revoked(serial_number: int, now: datetime) -> x509.RevokedCertificate:
    """A certificate's entry in a revocation list."""
    entry = x509.RevokedCertificateBuilder().serial_number(serial_number).revocation_date(now)
    return entry.build()


def _builder(
    name: x509.Name, issuer: x509.Name, key: PublicKey, issuer_key: PrivateKey, validity: Validity
) -> x509.CertificateBuilder:
    identifier = x509.SubjectKeyIdentifier.from_public_key(key)
    issuer_identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(validity.begin)
        .not_valid_after(validity.end)
        .add_extension(identifier, critical=False)
        .add_extension(issuer_identifier, critical=False)
    )


def _key_usage(signs: bool, enciphers: bool, issues: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=signs,
        content_commitment=False,
        key_encipherment=enciphers,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=issues,
        crl_sign=issues,
        encipher_only=False,
        decipher_only=False,
    )
