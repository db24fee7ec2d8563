"""A certificate, request or list with something the library does not know is refused, and ends no program."""

import base64
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding

from lgi_daemon.files import job_key
from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_protocol.x509_errors import unreadable_as_value_error
from lgi_server.auth import client_certificate, job_ca
from lgi_server.auth.crl import Revocation
from lgi_server.auth.trusted_proxy import TrustedProxy
from lgi_tools.certificates import csr, profiles, revocation_list
from lgi_tools.certificates.archive import read_certificate
from lgi_tools.certificates.ca import Authority
from lgi_tools.certificates.keys import KeyType, make_key

VERSION_3, VERSION_17 = bytes.fromhex("a003020102"), bytes.fromhex("a003020110")
EC_KEY, OTHER_KEY = bytes.fromhex("2a8648ce3d0201"), bytes.fromhex("2a8648ce3d027f")
SHA_256, OTHER_DIGEST = bytes.fromhex("2a8648ce3d040302"), bytes.fromhex("2a8648ce3d04037f")
# The usage of the key, and its extended usage, become the same extension.
USAGE, EXTENDED_USAGE = bytes.fromhex("0603551d0f"), bytes.fromhex("0603551d25")
CHANGES = {
    "version": (VERSION_3, VERSION_17),
    "key": (EC_KEY, OTHER_KEY),
    "digest": (SHA_256, OTHER_DIGEST),
    "extension": (USAGE, EXTENDED_USAGE),
}
# The version of a request, 0, is followed by an empty subject.
REQUEST_CHANGES = {
    "version": (bytes.fromhex("0201003000"), bytes.fromhex("0201103000")),
    "key": (EC_KEY, OTHER_KEY),
}


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """An authority with one user, mark."""
    made = Authority.create(tmp_path_factory.mktemp("ca"))
    made.issue_user("mark")
    return made


def strange(ca: Authority, what: str) -> bytes:
    """Return mark's certificate (DER) with one strange thing in it."""
    der = read_certificate(ca.directory / "mark.crt").public_bytes(Encoding.DER)
    old, new = CHANGES[what]
    assert old in der
    return der.replace(old, new)


def pem(kind: str, der: bytes) -> bytes:
    """Return DER as PEM, without reading it."""
    return b"-----BEGIN %s-----\n%s-----END %s-----\n" % (
        kind.encode(),
        base64.encodebytes(der),
        kind.encode(),
    )


@pytest.mark.parametrize("what", CHANGES)
def test_a_front_end_that_passes_on_a_strange_certificate_is_error_2(ca: Authority, what: str) -> None:
    """Also when only its signature, key or extensions are strange."""
    front_end = TrustedProxy("X-Certificate", b"", (ca.certificate,))
    header = base64.b64encode(strange(ca, what)).decode()

    with pytest.raises(LGIError) as refused:
        front_end.certificate({"HTTP_X_CERTIFICATE": header})

    assert refused.value.number == ErrorNumber.CERTIFICATE


@pytest.mark.parametrize("what", CHANGES)
def test_a_daemon_refuses_a_strange_certificate_of_a_job(ca: Authority, what: str) -> None:
    """Whatever a server sends: the daemon and its other jobs go on."""
    with pytest.raises(ValueError, match=r"."):
        job_key.load_certificate(pem("CERTIFICATE", strange(ca, what)), job_key.generate())


def test_a_certificate_of_an_unknown_version_names_nobody(ca: Authority, tmp_path: Path) -> None:
    """Shown, registered or in a file: the server and the tools say that they cannot read it."""
    der = strange(ca, "version")
    file = tmp_path / "mark.crt"
    file.write_bytes(pem("CERTIFICATE", der))

    with pytest.raises(ValueError, match="16 is not a valid X509 version"):
        client_certificate.read(der)
    with pytest.raises(ValueError, match=f"{file} contains no certificate: 16 is not"):
        read_certificate(file)
    assert client_certificate.der_of(file.read_text()) == b""


def test_a_certificate_signed_in_an_unknown_way_is_of_no_authority(ca: Authority) -> None:
    """Neither a yes nor the end of the program."""
    certificate = x509.load_der_x509_certificate(strange(ca, "digest"))

    assert not profiles.is_signed_by(certificate, ca.certificate)


@pytest.mark.parametrize("what", REQUEST_CHANGES)
def test_a_strange_signing_request_is_refused(what: str) -> None:
    """By the server, for the certificates of jobs, and by LGI_certificates and its listener."""
    der = x509.load_pem_x509_csr(csr.make(make_key(KeyType.EC))).public_bytes(Encoding.DER)
    old, new = REQUEST_CHANGES[what]
    assert old in der
    request = der.replace(old, new)

    with pytest.raises(LGIError) as refused:
        job_ca.read_request(request)
    with pytest.raises(ValueError, match="it is not a certificate request"):
        csr.key_of(pem("CERTIFICATE REQUEST", request))

    assert refused.value.number == ErrorNumber.CERTIFICATE


def test_a_revocation_list_of_an_unknown_version_leaves_the_old_one_in_force(
    ca: Authority, tmp_path: Path
) -> None:
    """A server refuses to start with it, and keeps its list when the file becomes one."""
    good = ca.crl_file.read_bytes()
    der = x509.load_pem_x509_crl(good).public_bytes(Encoding.DER)
    # The version comes first of all.
    at = der.index(bytes.fromhex("020101"))
    bad = pem("X509 CRL", der[:at] + bytes.fromhex("020110") + der[at + 3 :])
    file = tmp_path / "ca.crl"

    file.write_bytes(bad)
    with pytest.raises(ValueError, match="16"):
        Revocation(file, ca.ca_file)
    with pytest.raises(ValueError, match="contains no revocation list"):
        revocation_list.read(file)
    file.write_bytes(good)
    kept = Revocation(file, ca.ca_file)
    file.write_bytes(bad)

    kept.check(now=1e9)
    assert kept.serials == frozenset()


@pytest.mark.parametrize(
    "error",
    [
        TypeError("t"),
        UnsupportedAlgorithm("u"),
        x509.DuplicateExtension("d", x509.ObjectIdentifier("2.5.29.15")),
        x509.InvalidVersion("v", 16),
        x509.UnsupportedGeneralNameType("g"),
    ],
)
def test_the_errors_of_the_library_become_value_errors(error: Exception) -> None:
    """With their text."""
    with pytest.raises(ValueError, match=str(error)), unreadable_as_value_error():
        raise error
