"""The content of each type of certificate: extensions, names, validity."""

import ipaddress
import re
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from lgi_protocol.value_object import value_object
from lgi_protocol.x509_errors import unreadable_as_value_error

if TYPE_CHECKING:
    # Slow to load: functions that need them import them.
    from cryptography import x509

    from lgi_protocol.x509_builder import PrivateKey, PublicKey


_HOST = re.compile(
    r"(\*\.)?([A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?\.)*[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?"
)


class Kind(StrEnum):
    """The type of a certificate's holder; in the subject as ``OU=LGI <kind>``."""

    AUTHORITY = "authority"
    SERVER = "server"
    RESOURCE = "resource"
    USER = "user"


@value_object
class Validity:
    """The validity period of a certificate, in UTC."""

    begin: datetime
    end: datetime

    @classmethod
    def of_days(cls, days: int, now: datetime | None = None) -> "Validity":
        """Return the period from an hour ago until ``days`` from now."""
        from lgi_protocol.x509_builder import CLOCK_SKEW

        now = now or datetime.now(UTC)
        return cls(now - CLOCK_SKEW, now + timedelta(days=days))

    def until(self, end: datetime) -> "Validity":
        """Return the same period, cut at ``end``."""
        return Validity(self.begin, min(self.end, end))


def subject(common_name: str, kind: Kind) -> "x509.Name":
    """Return the subject of a certificate; LGI reads the common name only."""
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, f"LGI {kind}"),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def kind_of(certificate: "x509.Certificate") -> Kind | None:
    """Return the type of a certificate's holder, None when its subject has none."""
    from cryptography.x509.oid import NameOID

    units = certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATIONAL_UNIT_NAME)
    return next((kind for kind in Kind if [unit.value for unit in units] == [f"LGI {kind}"]), None)


def is_signed_by(certificate: "x509.Certificate", authority: "x509.Certificate") -> bool:
    """Return whether a certificate was signed with the key of a CA's certificate."""
    from cryptography.exceptions import InvalidSignature

    try:
        with unreadable_as_value_error():
            certificate.verify_directly_issued_by(authority)
    except (InvalidSignature, ValueError):
        return False
    return True


def host_name(text: str) -> "x509.GeneralName":
    """Return the X.509 name of a host name or IP address. Raises ValueError for any other text."""
    from cryptography import x509

    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        pass
    if not _HOST.fullmatch(text) or len(text) > 253:
        raise ValueError(f"{text!r} is neither a host name nor an IP address")
    return x509.DNSName(text)


def hosts_of(certificate: "x509.Certificate") -> "tuple[x509.GeneralName, ...]":
    """Return the host names and addresses in a server's certificate; empty for other certificates."""
    from cryptography import x509

    try:
        return tuple(certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
    except x509.ExtensionNotFound:
        return ()


def sign_authority(key: "PrivateKey", name: str, validity: Validity) -> "x509.Certificate":
    """Sign the CA's own certificate, which may sign certificates and revocation lists only."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes

    from lgi_protocol.x509_builder import builder, key_usage

    own = subject(name, Kind.AUTHORITY)
    made = builder(own, own, key.public_key(), key, begin=validity.begin, end=validity.end)
    made = made.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    made = made.add_extension(key_usage(issues=True, revokes=True), critical=True)
    return made.sign(key, hashes.SHA256())


def renew_authority(key: "PrivateKey", present: "x509.Certificate", validity: Validity) -> "x509.Certificate":
    """Sign a CA's certificate again, with the same key and name."""
    from cryptography.x509.oid import NameOID

    (name,) = present.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return sign_authority(key, str(name.value), validity)


def sign_leaf(
    issuer: "x509.Certificate",
    issuer_key: "PrivateKey",
    key: "PublicKey",
    *,
    name: "x509.Name",
    validity: Validity,
    hosts: "tuple[x509.GeneralName, ...]" = (),
) -> "x509.Certificate":
    """Sign a server certificate when ``hosts`` are given, otherwise a client certificate."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.x509.oid import ExtendedKeyUsageOID

    from lgi_protocol.x509_builder import builder, key_usage

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
    issuer: "x509.Certificate",
    issuer_key: "PrivateKey",
    revoked: "tuple[x509.RevokedCertificate, ...]",
    now: datetime,
) -> "x509.CertificateRevocationList":
    """Sign a revocation list. It is valid as long as the CA: it changes with a revocation only."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes

    from lgi_protocol.x509_builder import CLOCK_SKEW

    listed = (
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
        listed = listed.add_revoked_certificate(one)
    return listed.sign(issuer_key, hashes.SHA256())


def revoked(serial_number: int, now: datetime) -> "x509.RevokedCertificate":
    """Return the revocation list's entry for a serial number."""
    from cryptography import x509

    entry = x509.RevokedCertificateBuilder().serial_number(serial_number).revocation_date(now)
    return entry.build()
