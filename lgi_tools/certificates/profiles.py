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

from lgi_protocol.x509_builder import CLOCK_SKEW, PrivateKey, PublicKey, builder, key_usage

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
    made = builder(own, own, key.public_key(), key, begin=validity.begin, end=validity.end)
    made = made.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    made = made.add_extension(key_usage(issues=True, revokes=True), critical=True)
    return made.sign(key, hashes.SHA256())


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
    made = builder(name, issuer.subject, key, issuer_key, begin=validity.begin, end=validity.end)
    made = made.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    made = made.add_extension(key_usage(signs=True, enciphers=enciphers), critical=True)
    made = made.add_extension(x509.ExtendedKeyUsage([use]), critical=False)
    if hosts:
        made = made.add_extension(x509.SubjectAlternativeName(hosts), critical=False)
    return made.sign(issuer_key, hashes.SHA256())


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
