"""What a caller gets for each kind of certificate: no answer, error 2, or the rights of its name."""

import re
import socket
import ssl
import subprocess
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from urllib.parse import quote

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.server.test_odd_certificates import LIST, NOW, Key, authority, named, write
from tests.support import certificates, running_jobs
from tests.support.grid import Grid, wait_for

pytestmark = pytest.mark.one_database

USER = "mark@laptop"
SUBJECT = named(USER)
CURVE_KEY = partial(ec.generate_private_key, ec.SECP256R1())
DAY = timedelta(days=1)
NO_ANSWER, NOBODY, KNOWN = "no answer", "error 2", "the named user"


@dataclass(frozen=True)
class Made:
    """How a certificate is made; by default as the project's authority does it."""

    subject: x509.Name = SUBJECT
    begins: timedelta = -DAY
    ends: timedelta = DAY
    purposes: tuple[x509.ObjectIdentifier, ...] = (ExtendedKeyUsageOID.CLIENT_AUTH,)
    key: Callable[[], Key] = CURVE_KEY
    is_authority: bool = False

    def sign(self, key: Key, issuer: x509.Name, issuer_key: Key) -> x509.Certificate:
        """The certificate of a key."""
        builder = x509.CertificateBuilder(issuer, self.subject, key.public_key(), x509.random_serial_number())
        builder = builder.not_valid_before(NOW + self.begins).not_valid_after(NOW + self.ends)
        builder = builder.add_extension(x509.BasicConstraints(self.is_authority, None), critical=True)
        if self.purposes:
            builder = builder.add_extension(x509.ExtendedKeyUsage(self.purposes), critical=False)
        return builder.sign(issuer_key, hashes.SHA256())


def name_of(text: str, encoding: _ASN1Type = _ASN1Type.UTF8String) -> x509.Name:
    """A subject whose common name is written in one of the encodings of ASN.1."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text, encoding)])


# Each with what its holder gets, and why.
OF_THE_PROJECT: Mapping[str, tuple[Made, str]] = {
    "usual": (Made(), KNOWN),
    "expired": (Made(begins=-2 * DAY, ends=-DAY), NO_ANSWER),
    "not yet valid": (Made(begins=DAY, ends=2 * DAY), NO_ANSWER),
    # Without the extension a certificate is for every purpose (RFC 5280, 4.2.1.12): authorities of LGI 1.31.
    "without a purpose": (Made(purposes=()), KNOWN),
    "for servers alone": (Made(purposes=(ExtendedKeyUsageOID.SERVER_AUTH,)), NO_ANSWER),
    "for code alone": (Made(purposes=(ExtendedKeyUsageOID.CODE_SIGNING,)), NO_ANSWER),
    "a key of 1024 bits": (Made(key=partial(rsa.generate_private_key, 65537, 1024)), NO_ANSWER),
    "a key of 2048 bits": (Made(key=partial(rsa.generate_private_key, 65537, 2048)), KNOWN),
    # It signs nobody: the project's authority allows no other one below it. For itself it is a user.
    "an authority": (Made(is_authority=True), KNOWN),
    "any": (Made(named("any")), NOBODY),
    "any in two bytes a letter": (Made(name_of("any", _ASN1Type.BMPString)), NOBODY),
    "any with a blank": (Made(name_of(" any ")), NOBODY),
    "the administrators": (Made(named("admin")), NOBODY),
    "the administrators in two bytes a letter": (Made(name_of("admin", _ASN1Type.BMPString)), NOBODY),
    "a name that is all but the same": (Made(name_of("mark@laptop\u200b")), NOBODY),
    "a name with another blank": (Made(name_of("mark\u00a0@laptop")), NOBODY),
    "a name that turns the text": (Made(name_of("mark@\u202epotpal")), NOBODY),
    "a name of two people": (Made(named("mark@laptop, root@desk")), NOBODY),
    "a negated name": (Made(named("!mark@laptop")), NOBODY),
    # Names are no patterns (ruling 3), and letters that look alike are different ones.
    "an asterisk": (Made(named("*")), KNOWN),
    "a Cyrillic letter": (Made(name_of("m\u0430rk@laptop")), KNOWN),
    "capitals": (Made(named("MARK@LAPTOP")), KNOWN),
}


def outcome(grid: Grid, directory: Path, key: Key, *chain: x509.Certificate, user: str = USER) -> str:
    """What somebody gets who says to be a user; the client itself checks nothing."""
    issued = write(directory, key, *chain)
    context = ssl.create_default_context(cafile=str(grid.people.authority.ca_file))
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.load_cert_chain(issued.certificate, issued.key)
    form = f"project=LGI&user={quote(user)}&groups={quote(user)}"
    head = f"POST /LGI/{LIST} HTTP/1.0\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    said = b""
    with (
        socket.create_connection(("127.0.0.1", grid.port), 60) as plain,
        suppress(ssl.SSLError, ConnectionError),
        context.wrap_socket(plain, server_hostname="localhost") as connection,
    ):
        connection.sendall(f"{head}Content-Length: {len(form)}\r\n\r\n{form}".encode())
        while block := connection.recv(65536):
            said += block
    if not said:
        return NO_ANSWER
    error = re.search(rb"<number> (\d+) </number> <message>", said)
    return f"error {error[1].decode()}" if error else KNOWN


@pytest.mark.parametrize(("made", "expected"), OF_THE_PROJECT.values(), ids=OF_THE_PROJECT.keys())
def test_a_certificate_of_the_authority_gives_what_it_is_made_for(
    grid: Grid, tmp_path: Path, made: Made, expected: str
) -> None:
    """No answer where TLS refuses it, error 2 where it names nobody; else its own name and no other."""
    ca, ca_key = authority(grid)
    key = made.key()
    certificate = made.sign(key, ca.subject, ca_key)
    name = str(made.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)

    assert outcome(grid, tmp_path, key, certificate, user=name) == expected
    if expected == KNOWN and name != USER:
        assert outcome(grid, tmp_path, key, certificate, user=USER) == "error 30"


def test_a_certificate_of_anybody_else_gets_no_answer(grid: Grid, tmp_path: Path) -> None:
    """Of itself, of a stranger, of one with the authority's name, of one between that is there or missing."""
    ca, ca_key = authority(grid)
    key, other = (CURVE_KEY() for _ in range(2))
    made, ca_like = Made(), Made(subject=ca.subject, is_authority=True)
    between = Made(subject=named("between"), is_authority=True).sign(other, ca.subject, ca_key)
    below = Made(subject=named("below"), is_authority=True).sign(key, between.subject, other)
    chains = {
        "self-signed": (made.sign(key, made.subject, key),),
        "a stranger": (made.sign(key, named("stranger"), other),),
        "the same name": (made.sign(key, ca.subject, other),),
        "the same name, with its own": (
            made.sign(key, ca.subject, other),
            ca_like.sign(other, ca.subject, other),
        ),
        "one between is missing": (made.sign(key, between.subject, other),),
        "one between": (made.sign(key, between.subject, other), between),
        "two between": (made.sign(key, below.subject, key), below, between),
    }

    found = {kind: outcome(grid, tmp_path, key, *chain) for kind, chain in chains.items()}

    assert found == dict.fromkeys(chains, NO_ANSWER)


@pytest.mark.parametrize(("digest", "expected"), [("sha1", NO_ANSWER), ("sha256", KNOWN)])
def test_a_signature_with_sha_1_gets_no_answer(
    grid: Grid, tmp_path: Path, digest: str, expected: str
) -> None:
    """Somebody could have made another certificate with the same signature."""
    key, directory = CURVE_KEY(), grid.people.authority.directory
    request, signed = tmp_path / "request", tmp_path / "signed.crt"
    request.write_bytes(running_jobs.signing_request(key, USER))
    files = ["-CA", directory / "ca.crt", "-CAkey", directory / "ca.key", "-in", request, "-out", signed]
    words = f"openssl x509 -req -inform DER -set_serial 7 -days 1 -{digest}".split()
    subprocess.run([*words, *map(str, files)], check=True, capture_output=True)

    assert outcome(grid, tmp_path, key, x509.load_pem_x509_certificate(signed.read_bytes())) == expected


@pytest.mark.slow
def test_a_revoked_certificate_is_error_2_beside_a_good_one(grid: Grid, tmp_path: Path) -> None:
    """The list has serial numbers: another certificate of the same name and key stays good."""
    ca, ca_key = authority(grid)
    key = CURVE_KEY()
    first = Made().sign(key, ca.subject, ca_key)
    second = replace(Made(), ends=2 * DAY).sign(key, ca.subject, ca_key)
    assert outcome(grid, tmp_path, key, first) == KNOWN

    certificates.revoke(grid.people.authority, first.serial_number)

    wait_for(lambda: outcome(grid, tmp_path, key, first) == NOBODY)
    assert outcome(grid, tmp_path, key, second) == KNOWN
