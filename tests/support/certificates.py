"""Certificates and revocation lists that the commands of a CA would not make."""

from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from lgi_protocol.x509_builder import PrivateKey
from lgi_tools.certificates import keys, profiles
from lgi_tools.certificates.ca import KEY, Authority
from lgi_tools.certificates.entity import Issued
from lgi_tools.certificates.profiles import Kind, Validity


def ca_key(authority: Authority) -> PrivateKey:
    """Return the private key of a CA."""
    return keys.read_key(authority.directory / KEY)


def revoke(authority: Authority, serial: int) -> None:
    """Replace a CA's revocation list by one with this serial number alone."""
    revoked = (profiles.revoked(serial, datetime.now(UTC)),)
    made = profiles.sign_revocations(authority.certificate, ca_key(authority), revoked, datetime.now(UTC))
    keys.write_file(authority.crl_file, made.public_bytes(Encoding.PEM), keys.PUBLIC, replace=True)


def odd_certificate(authority: Authority, name: str) -> Issued:
    """Issue a user's certificate with a common name that the CA would refuse."""
    key = keys.make_key(keys.KeyType.EC)
    subject = profiles.subject(name, Kind.USER)
    made: x509.Certificate = profiles.sign_leaf(
        authority.certificate,
        ca_key(authority),
        key.public_key(),
        name=subject,
        validity=Validity.of_days(1),
    )
    issued = Issued(authority.directory / "odd.crt", authority.directory / "odd.key", None)
    keys.write_file(issued.key, keys.key_pem(key), keys.SECRET, replace=True)
    keys.write_file(issued.certificate, made.public_bytes(Encoding.PEM), keys.PUBLIC, replace=True)
    return issued
