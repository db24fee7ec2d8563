"""Certificates that no tool of ours makes, though the project's authority has signed them, or seems so."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from lgi_protocol.client import TransportError
from lgi_protocol.errors import ServerError
from lgi_tools.certificates.ca import Issued
from tests.support.grid import Grid

pytestmark = pytest.mark.one_database

NOW = datetime.now(UTC)
LIST = "interfaces/interface_project_server_list"
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def named(*names: str) -> x509.Name:
    """A subject with these common names, each in a part of its own."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name) for name in names])


def at_once(*names: str) -> x509.Name:
    """A subject with these common names in one part."""
    parts = [x509.NameAttribute(NameOID.COMMON_NAME, name) for name in names]
    return x509.Name([x509.RelativeDistinguishedName(parts)])


def write(directory: Path, key: Key, *chain: x509.Certificate) -> Issued:
    """Write the files of a certificate and return them, for any signer."""
    made = Issued(directory / "odd.crt", directory / "odd.key")
    made.certificate.write_bytes(b"".join(one.public_bytes(Encoding.PEM) for one in chain))
    made.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    made.key.chmod(0o600)
    return made


def signed(
    subject: x509.Name, key: Key, issuer: x509.Certificate, issuer_key: Key, is_authority: bool = False
) -> x509.Certificate:
    """A client's certificate for a day."""
    builder = x509.CertificateBuilder(issuer.subject, subject, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(NOW - timedelta(hours=1)).not_valid_after(NOW + timedelta(days=1))
    builder = builder.add_extension(x509.BasicConstraints(is_authority, None), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
    return builder.sign(issuer_key, hashes.SHA256())


def authority(grid: Grid) -> tuple[x509.Certificate, Key]:
    """The project's authority and its key."""
    directory = grid.people.authority.directory
    key = load_pem_private_key((directory / "ca.key").read_bytes(), None)
    assert isinstance(key, Key)
    return x509.load_pem_x509_certificate((directory / "ca.crt").read_bytes()), key


def ask(grid: Grid, issued: Issued, user: str) -> None:
    """A call that every user of the project may make."""
    grid.client(issued).post(LIST, {"project": "LGI", "user": user, "groups": user})


NOBODY = {
    "two common names": named("mark@laptop", "admin"),
    "two at once": at_once("mark@laptop", "root@desk"),
    "none": x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "mark@laptop")]),
    "a NUL inside": named("mark@laptop\0@desk"),
}


@pytest.mark.parametrize("subject", NOBODY.values(), ids=NOBODY.keys())
def test_a_certificate_without_one_plain_name_is_error_2(
    grid: Grid, tmp_path: Path, subject: x509.Name
) -> None:
    """Which of two names counts differs from program to program, as does where a name ends."""
    key = ec.generate_private_key(ec.SECP256R1())
    issued = write(tmp_path, key, signed(subject, key, *authority(grid)))

    for user in ("mark@laptop", "mark@laptop\0@desk"):
        with pytest.raises(ServerError) as refused:
            ask(grid, issued, user)
        assert refused.value.number == 2


def test_a_name_is_the_same_in_every_encoding(grid: Grid, tmp_path: Path) -> None:
    """A text in two bytes a letter is that text, and not the bytes."""
    key = ec.generate_private_key(ec.SECP256R1())
    attribute = x509.NameAttribute(NameOID.COMMON_NAME, "größe@desk", _ASN1Type.BMPString)
    issued = write(tmp_path, key, signed(x509.Name([attribute]), key, *authority(grid)))

    ask(grid, issued, "größe@desk")
    with pytest.raises(ServerError) as refused:
        ask(grid, issued, "mark@laptop")
    assert refused.value.number == 30


def chain_of(grid: Grid, is_authority: bool, key: Key) -> Sequence[x509.Certificate]:
    """Return a user's certificate that another certificate has signed, which the project's CA has signed."""
    middle = ec.generate_private_key(ec.SECP256R1())
    between = signed(named("mark@laptop"), middle, *authority(grid), is_authority=is_authority)
    return signed(named("root@desk"), key, between, middle), between


@pytest.mark.parametrize("is_authority", [False, True], ids=["a user", "a second authority"])
def test_the_holder_of_a_certificate_makes_no_others(grid: Grid, tmp_path: Path, is_authority: bool) -> None:
    """Neither a user nor an authority below the project's: its own certificate says that there is none."""
    key = ec.generate_private_key(ec.SECP256R1())
    issued = write(tmp_path, key, *chain_of(grid, is_authority, key))

    with pytest.raises(TransportError):
        ask(grid, issued, "root@desk")
