"""What the project's authority issues, checked with openssl and with real handshakes."""

import socket
import ssl
import subprocess
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID

from lgi_protocol import common_name
from lgi_protocol.certificate_files import file_stem
from lgi_tools.certificates.ca import Authority, Issued, read_certificate
from lgi_tools.certificates.keys import KeyType, read_key
from lgi_tools.certificates.profiles import Validity

PAST = Validity(datetime(2020, 1, 1, tzinfo=UTC), datetime(2021, 1, 1, tzinfo=UTC))


def openssl(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True, timeout=60)


def handshake(
    server_ca: Path, server: Issued, client_ca: Path, client: Issued, host: str = "localhost"
) -> str:
    """The client's common name as the server sees it; SSLCertVerificationError of the one who refuses."""
    here, there = socket.socketpair()
    accepting = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=server_ca)
    accepting.verify_mode = ssl.CERT_REQUIRED
    accepting.verify_flags |= ssl.VERIFY_X509_STRICT
    accepting.load_cert_chain(server.certificate, server.key)
    calling = ssl.create_default_context(cafile=client_ca)
    calling.verify_flags |= ssl.VERIFY_X509_STRICT
    calling.load_cert_chain(client.certificate, client.key)

    refusals: list[ssl.SSLCertVerificationError] = []

    def call() -> None:
        try:
            with calling.wrap_socket(there, server_hostname=host) as connected:
                connected.recv(1)
        except ssl.SSLCertVerificationError as refusal:
            refusals.append(refusal)
        except OSError:
            there.close()

    caller = threading.Thread(target=call)
    caller.start()
    try:
        with accepting.wrap_socket(here, server_side=True) as accepted:
            subject = dict(pair for part in accepted.getpeercert()["subject"] for pair in part)
            return subject["commonName"]
    except ssl.SSLError:
        caller.join(10)
        if refusals:
            raise refusals[0] from None
        raise
    finally:
        here.close()
        caller.join(10)


def test_a_server_and_a_user_of_one_authority_accept_each_other(
    authority: Authority, localhost: Issued, mark: Issued
) -> None:
    """Strictly verified mutual TLS gives the server the user's common name."""
    ca = authority.ca_file

    seen = handshake(ca, localhost, ca, mark)

    assert common_name.parse(seen) == common_name.CommonName("mark@laptop", ("theor",), ("LGI",))


def test_a_server_is_accepted_under_its_own_names_only(authority: Authority, mark: Issued) -> None:
    """The host and the alternatives stand in the certificate, as names or as addresses."""
    server = authority.issue_server("grid.example.org", ("127.0.0.1", "::1", "grid"))
    ca = authority.ca_file

    for host in ("grid.example.org", "127.0.0.1", "::1", "grid"):
        assert handshake(ca, server, ca, mark, host)

    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        handshake(ca, server, ca, mark, "other.example.org")


def test_a_user_of_another_authority_is_refused(
    authority: Authority, localhost: Issued, tmp_path: Path
) -> None:
    """Trust is the CA's, not the name's."""
    stranger = Authority.create(tmp_path / "other").issue_user("mark@laptop", ("theor",), ("LGI",))

    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(authority.ca_file, localhost, authority.ca_file, stranger)


def test_an_expired_certificate_is_refused(authority: Authority, localhost: Issued) -> None:
    """A test can ask for a validity that is over."""
    late = authority.issue_user("late@laptop", validity=PAST)

    with pytest.raises(ssl.SSLCertVerificationError, match="expired"):
        handshake(authority.ca_file, localhost, authority.ca_file, late)


def test_a_server_certificate_is_no_client_certificate(authority: Authority, localhost: Issued) -> None:
    """Servers answer; to call one a resource's or user's certificate is needed."""
    with pytest.raises(ssl.SSLCertVerificationError, match="purpose"):
        handshake(authority.ca_file, localhost, authority.ca_file, localhost)


@pytest.mark.parametrize("key_type", list(KeyType))
def test_openssl_accepts_every_kind_of_certificate(tmp_path: Path, key_type: KeyType) -> None:
    """EC and RSA; strict about extensions, and with the revocation list."""
    authority = Authority.create(tmp_path / "ca", key_type=key_type)
    purposes = {
        authority.issue_server("host.example.org", key_type=key_type): "sslserver",
        authority.issue_resource("LGI@host", ("LGI",), key_type=key_type): "sslclient",
        authority.issue_user("mark@laptop", key_type=key_type): "sslclient",
    }

    for issued, purpose in purposes.items():
        checked = openssl(
            "verify", "-x509_strict", "-purpose", purpose, "-crl_check", "-CRLfile", authority.crl_file,
            "-CAfile", authority.ca_file, issued.certificate,
        )  # fmt: skip

        assert checked.returncode == 0, checked.stderr


def test_keys_are_ec_and_rsa_by_option(tmp_path: Path) -> None:
    """P-256 is the default; RSA has 3072 bits."""
    authority = Authority.create(tmp_path / "ca")

    normal = read_key(authority.issue_user("normal").key)
    old = read_key(authority.issue_user("old", key_type=KeyType.RSA).key)

    assert isinstance(normal, ec.EllipticCurvePrivateKey)
    assert isinstance(normal.curve, ec.SECP256R1)
    assert isinstance(old, rsa.RSAPrivateKey)
    assert old.key_size == 3072


def test_a_key_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    """Keys and PKCS12 files are 0600 and a new directory 0700."""
    authority = Authority.create(tmp_path / "ca")
    issued = authority.issue_user("mark@laptop", password="secret")

    secret = [authority.directory / "ca.key", issued.key, issued.pkcs12]

    assert [path.stat().st_mode & 0o777 for path in secret] == [0o600] * 3
    assert authority.directory.stat().st_mode & 0o777 == 0o700


def test_serial_numbers_are_random(tmp_path: Path) -> None:
    """Two certificates of one name differ, by more than counting up."""
    authority = Authority.create(tmp_path / "ca")

    one = read_certificate(authority.issue_user("mark").certificate).serial_number
    other = read_certificate(authority.issue_user("mark", force=True).certificate).serial_number

    assert abs(one - other) > 2**32


def test_an_existing_key_is_not_overwritten(tmp_path: Path) -> None:
    """Issuing twice is an error and leaves the first files; force replaces them."""
    authority = Authority.create(tmp_path / "ca")
    issued = authority.issue_user("mark")
    before = issued.key.read_bytes()

    with pytest.raises(FileExistsError, match=r"mark\.key already exists: use --force"):
        authority.issue_user("mark")
    kept = issued.key.read_bytes()
    authority.issue_user("mark", force=True)

    assert kept == before
    assert issued.key.read_bytes() != before
    assert issued.key.stat().st_mode & 0o777 == 0o600


def test_an_authority_is_made_once(tmp_path: Path) -> None:
    """Its key is never replaced: everything it signed would be worthless."""
    Authority.create(tmp_path / "ca")
    before = (tmp_path / "ca" / "ca.key").read_bytes()

    with pytest.raises(FileExistsError, match="use another directory"):
        Authority.create(tmp_path / "ca")

    assert (tmp_path / "ca" / "ca.key").read_bytes() == before


def test_an_authority_needs_its_own_key(tmp_path: Path) -> None:
    """Opening a directory says what is missing or does not fit."""
    Authority.create(tmp_path / "ca")
    Authority.create(tmp_path / "other")
    (tmp_path / "ca" / "ca.key").write_bytes((tmp_path / "other" / "ca.key").read_bytes())

    with pytest.raises(ValueError, match=r"ca\.key is not the key of"):
        Authority.open(tmp_path / "ca")
    with pytest.raises(FileNotFoundError, match="create one with 'init'"):
        Authority.open(tmp_path)


def test_a_common_name_has_64_characters(authority: Authority) -> None:
    """X.509 allows no more, and the error says so before anything is written."""
    longest = authority.issue_user("a" * 64)

    with pytest.raises(ValueError, match=r"has 65 characters and X\.509 allows 64"):
        authority.issue_user("b" * 65)

    assert read_certificate(longest.certificate).subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    assert not list(authority.directory.glob("bbb*"))


def test_common_names_are_what_the_server_reads(authority: Authority) -> None:
    """Fields stand at their places; groups without projects get the project list any."""

    def name_of(issued: Issued) -> str:
        found = read_certificate(issued.certificate).subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        return str(found[0].value)

    assert name_of(authority.issue_user("u1")) == "u1"
    assert name_of(authority.issue_user("u2", None, ("p", "q"))) == "u2; p, q"
    assert name_of(authority.issue_user("u3", ("g",))) == "u3; g; any"
    assert name_of(authority.issue_user("u4", ("g", "h"), ("p",))) == "u4; g, h; p"
    assert name_of(authority.issue_resource("r@h", ("p",))) == "r@h; p"
    assert name_of(authority.issue_user("jürgen@host")) == "jürgen@host"


@pytest.mark.parametrize("host", ["a b", "", "host/..", "-host", "a..b", "x;y", "höst"])
def test_a_server_needs_a_host_name_or_address(authority: Authority, host: str) -> None:
    """Anything else would be a certificate no client accepts."""
    with pytest.raises(ValueError, match="neither a host name nor an IP address"):
        authority.issue_server(host)


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("user@host", "user@host"),
        ("../../etc/passwd", "%2E.%2F..%2Fetc%2Fpasswd"),
        ("-rf", "%2Drf"),
        (".hidden", "%2Ehidden"),
        ("a b", "a%20b"),
        ("100%", "100%25"),
    ],
)
def test_no_name_leaves_the_directory(name: str, stem: str) -> None:
    """Unsafe characters are encoded, so that different names have different files."""
    assert file_stem(name) == stem


def test_no_user_is_called_as_the_authority(authority: Authority) -> None:
    """A user named ca would replace the CA's key."""
    with pytest.raises(ValueError, match="name of the CA's own files"):
        authority.issue_user("ca", force=True)


def test_a_pkcs12_file_holds_key_certificate_and_ca(authority: Authority) -> None:
    """Browsers need all three; it can be read with the password only."""
    issued = authority.issue_user("browser@laptop", ("g",), password="pass word")
    assert issued.pkcs12 is not None

    key, certificate, others = pkcs12.load_key_and_certificates(issued.pkcs12.read_bytes(), b"pass word")
    opened = openssl("pkcs12", "-in", issued.pkcs12, "-passin", "pass:pass word", "-nodes", "-info")
    refused = openssl("pkcs12", "-in", issued.pkcs12, "-passin", "pass:wrong", "-nodes")

    assert certificate == read_certificate(issued.certificate)
    assert key.public_key() == certificate.public_key()
    assert others == [authority.certificate]
    assert "BEGIN PRIVATE KEY" in opened.stdout
    assert refused.returncode != 0


def test_the_first_revocation_list_is_empty_and_valid(authority: Authority) -> None:
    """It is signed by the CA and good as long as the CA is."""
    listed = x509.load_pem_x509_crl(authority.crl_file.read_bytes())

    assert list(listed) == []
    assert listed.is_signature_valid(authority.certificate.public_key())
    assert listed.next_update_utc == authority.certificate.not_valid_after_utc


def test_a_revoked_certificate_is_refused(tmp_path: Path) -> None:
    """The list grows by one at each revocation and stays valid."""
    authority = Authority.create(tmp_path / "ca")
    issued = [authority.issue_user(name) for name in ("lost@laptop", "stolen@laptop", "good@laptop")]

    authority.revoke("lost@laptop")
    authority.revoke("stolen@laptop")

    def verify(issued: Issued) -> subprocess.CompletedProcess[str]:
        crl, ca = authority.crl_file, authority.ca_file
        return openssl("verify", "-crl_check", "-CRLfile", crl, "-CAfile", ca, issued.certificate)

    lost, stolen, good = (verify(each) for each in issued)
    assert "certificate revoked" in lost.stderr
    assert "certificate revoked" in stolen.stderr
    assert good.returncode == 0
    with pytest.raises(ValueError, match="already revoked"):
        authority.revoke("lost@laptop")
    with pytest.raises(FileNotFoundError):
        authority.revoke("nobody")


def test_no_certificate_outlives_its_authority(tmp_path: Path) -> None:
    """A longer validity is cut at the CA's end."""
    authority = Authority.create(tmp_path / "ca", days=10)

    issued = authority.issue_user("mark", days=1000)

    assert (
        read_certificate(issued.certificate).not_valid_after_utc == authority.certificate.not_valid_after_utc
    )


def test_a_certificate_is_good_for_the_days_asked(authority: Authority) -> None:
    """It begins a little in the past, for clocks that are behind."""
    now = datetime.now(UTC)

    made = read_certificate(authority.issue_user("short", days=3).certificate)

    assert abs(made.not_valid_after_utc - now - timedelta(days=3)) < timedelta(minutes=1)
    assert made.not_valid_before_utc < now
