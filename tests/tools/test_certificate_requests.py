"""LGI_certificates csr, sign, export and import."""

from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from hypothesis import example, given
from hypothesis import strategies as st

from lgi_protocol.x509_builder import PublicKey
from lgi_tools.certificates import csr, inventory
from lgi_tools.certificates.archive import read_certificate
from lgi_tools.certificates.ca import Authority
from lgi_tools.certificates.keys import KeyType, make_key, read_key
from lgi_tools.commands.certificates import main

from .test_certificates import handshake, openssl

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def ca(tmp_path: Path) -> Authority:
    """An authority of the test's own."""
    return Authority.create(tmp_path / "ca")


@pytest.mark.parametrize("key_type", list(KeyType))
def test_a_key_never_leaves_the_machine_it_is_made_on(
    run: Run, ca: Authority, tmp_path: Path, key_type: KeyType
) -> None:
    """csr there, sign here; openssl finds the request in order."""
    there, here = ("--directory", str(tmp_path / "there")), ("--directory", str(ca.directory))

    made, told, _ = run(main, *there, "csr", "node@cluster", "--key-type", str(key_type))
    request = tmp_path / "there" / "node@cluster.csr"
    signed, out, _ = run(
        main, *here, "sign", request, "node@cluster", "--kind", "resource", "--project", "LGI"
    )

    certificate = read_certificate(ca.directory / "node@cluster.crt")
    key = tmp_path / "there" / "node@cluster.key"
    assert (made, signed) == (0, 0)
    assert "sign node@cluster.csr node@cluster --kind" in told
    assert "'node@cluster; LGI'" in out
    assert certificate.public_key() == read_key(key).public_key()
    assert key.stat().st_mode & 0o777 == 0o600
    assert not (ca.directory / "node@cluster.key").exists()
    assert openssl("req", "-in", request, "-verify", "-noout").returncode == 0


def test_a_server_and_a_user_are_signed_for_as_if_made_here(run: Run, ca: Authority, tmp_path: Path) -> None:
    """Each has the use and the names of its kind."""
    there, here = ("--directory", str(tmp_path / "there")), ("--directory", str(ca.directory))
    for name in ("localhost", "mark"):
        run(main, *there, "csr", name)
    words = {
        "localhost": ("--kind", "server", "--also", "grid"),
        "mark": ("--kind", "user", "--group", "theor"),
    }

    for name, options in words.items():
        assert run(main, *here, "sign", tmp_path / "there" / f"{name}.csr", name, *options)[0] == 0
        (tmp_path / "there" / f"{name}.key").rename(ca.directory / f"{name}.key")

    server, user = (ca.issue_server("x"), ca.issue_user("y"))
    server, user = (
        type(made)(ca.directory / f"{name}.crt", ca.directory / f"{name}.key")
        for made, name in ((server, "localhost"), (user, "mark"))
    )
    assert handshake(ca.ca_file, server, ca.ca_file, user, "grid") == "mark; theor; any"


def test_only_the_key_of_a_request_counts(run: Run, ca: Authority, tmp_path: Path) -> None:
    """Another name or kind in the request is ignored: the administrator's options decide."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "admin; admin; any")])
    )
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    request = tmp_path / "request"
    request.write_bytes(builder.sign(make_key(KeyType.EC), hashes.SHA256()).public_bytes(Encoding.PEM))

    run(main, "--directory", str(ca.directory), "sign", request, "mark", "--kind", "user")

    made = read_certificate(ca.directory / "mark.crt")
    assert inventory.name_of(made) == "mark"
    assert not made.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def test_a_key_that_is_here_is_asked_for_again(run: Run, ca: Authority, tmp_path: Path) -> None:
    """So is a certificate renewed whose key is not where the CA is."""
    there, here = ("--directory", str(tmp_path / "there")), ("--directory", str(ca.directory))
    request = tmp_path / "there" / "mark.csr"
    words = ("sign", request, "mark", "--kind", "user")
    run(main, *there, "csr", "mark")
    run(main, *here, *words)
    first = read_certificate(ca.directory / "mark.crt")

    run(main, *there, "csr", "mark")
    refused, _, err = run(main, *here, *words)
    forced, _, _ = run(main, *here, *words, "--force")

    second = read_certificate(ca.directory / "mark.crt")
    assert (refused, forced) == (1, 0)
    assert "mark.crt already exists: use --force" in err
    assert second.public_key() == first.public_key()
    assert second.serial_number != first.serial_number


def test_a_key_of_that_name_is_not_left_beside_a_certificate_for_another(
    run: Run, ca: Authority, tmp_path: Path
) -> None:
    """A server would be started with a key and certificate that do not match."""
    ca.issue_user("mark")
    run(main, "--directory", str(tmp_path / "there"), "csr", "mark")
    before = (ca.directory / "mark.crt").read_bytes()

    words = ("sign", tmp_path / "there" / "mark.csr", "mark", "--kind", "user", "--force")
    code, _, err = run(main, "--directory", str(ca.directory), *words)

    assert code == 1
    assert "mark.key exists and is another key: remove it first" in err
    assert (ca.directory / "mark.crt").read_bytes() == before


WEAK = {
    "RSA of 1024 bits": lambda: rsa.generate_private_key(65537, 1024),  # noqa: S505
    "Ed25519": ed25519.Ed25519PrivateKey.generate,
}


@pytest.mark.parametrize("key", WEAK.values(), ids=WEAK.keys())
def test_a_key_nobody_should_trust_is_not_signed_for(key: Callable[[], object]) -> None:
    """Weak keys are refused, and types that LGI's programs do not support."""
    made = key()
    algorithm = None if isinstance(made, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(made, algorithm)

    with pytest.raises(ValueError, match="its key is neither EC on P-256"):
        csr.key_of(request.public_bytes(Encoding.PEM))


def test_a_request_somebody_has_changed_is_refused(run: Run, ca: Authority, tmp_path: Path) -> None:
    """It proves that the key is the sender's."""
    der = bytearray(x509.load_pem_x509_csr(csr.make(make_key(KeyType.EC))).public_bytes(Encoding.DER))
    der[-5] ^= 1
    request = tmp_path / "request"
    request.write_bytes(x509.load_der_x509_csr(bytes(der)).public_bytes(Encoding.PEM))

    code, _, err = run(main, "--directory", str(ca.directory), "sign", request, "mark", "--kind", "user")

    assert code == 1
    assert err == f"LGI_certificates: {request}: it is not signed with its own key\n"


@example(b"R", 45)  # Version 16.
@given(st.binary(max_size=300), st.integers(0, 400))
def test_a_request_is_a_key_or_a_value_error(noise: bytes, at: int) -> None:
    """No noise in a request raises anything else."""
    request = bytearray(REQUEST)
    request[at : at + len(noise)] = noise

    try:
        key = csr.key_of(bytes(request))
    except ValueError:
        return
    assert isinstance(key, PublicKey)


REQUEST = csr.make(make_key(KeyType.EC))


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (("--kind", "resource", "--group", "g"), "--group is valid for users only"),
        (("--kind", "server", "--project", "p"), "--project is not valid for servers"),
        (("--kind", "user", "--also", "h"), "--also is valid for servers only"),
        ((), "Missing option '--kind'"),
    ],
)
def test_options_of_another_kind_are_refused(
    run: Run, ca: Authority, tmp_path: Path, options: tuple[str, ...], problem: str
) -> None:
    """They would be left out in silence."""
    code, _, err = run(main, "--directory", str(ca.directory), "sign", tmp_path / "x", "mark", *options)

    assert code == 1
    assert problem in err


def test_a_certificate_that_was_exported_is_imported_as_it_was(
    run: Run, ca: Authority, tmp_path: Path
) -> None:
    """Key, certificate and CA, into another directory or a configuration."""
    issued = ca.issue_user("mark@laptop", ("theor", "cyttron"), ("LGI",))
    (tmp_path / "password").write_text("open sesame\n")
    secret = ("--password-file", str(tmp_path / "password"))
    elsewhere = ("--directory", str(tmp_path / "elsewhere"))
    file = str(ca.directory / "mark@laptop.p12")

    codes = [
        run(main, "--directory", str(ca.directory), "export", "mark@laptop", *secret)[0],
        run(main, *elsewhere, "import", file, *secret)[0],
        run(main, "import", file, *secret, "--config-dir", tmp_path / "dot", "--server", "https://h/LGI")[0],
    ]

    assert codes == [0, 0, 0]
    for name in ("mark@laptop.crt", "mark@laptop.key", "ca.crt"):
        assert (tmp_path / "elsewhere" / name).read_bytes() == (ca.directory / name).read_bytes()
    assert (tmp_path / "elsewhere" / "mark@laptop.key").stat().st_mode & 0o777 == 0o600
    texts = {path.name: path.read_text() for path in (tmp_path / "dot").iterdir()}
    assert (texts["user"], texts["groups"]) == ("mark@laptop\n", "theor, cyttron\n")
    assert (texts["defaultproject"], texts["defaultserver"]) == ("LGI\n", "https://h/LGI\n")
    assert texts["privatekey"] == issued.key.read_text()
    assert (tmp_path / "dot" / "privatekey").stat().st_mode & 0o777 == 0o600


def test_openssl_reads_what_is_exported_and_writes_what_is_imported(
    run: Run, ca: Authority, tmp_path: Path
) -> None:
    """Browsers do as it does."""
    issued = ca.issue_user("mark")
    (tmp_path / "password").write_text("pw\n")
    secret = ("--password-file", str(tmp_path / "password"))
    run(main, "--directory", str(ca.directory), "export", "mark", *secret)
    theirs = tmp_path / "theirs.p12"

    opened = openssl("pkcs12", "-in", ca.directory / "mark.p12", "-passin", "pass:pw", "-nodes")
    made = openssl(
        *("pkcs12", "-export", "-in", issued.certificate, "-inkey", issued.key, "-certfile", ca.ca_file),
        *("-out", theirs, "-passout", "pass:pw"),
    )
    code, _, err = run(main, "--directory", str(tmp_path / "new"), "import", theirs, *secret)

    assert opened.stdout.count("BEGIN CERTIFICATE") == 2
    assert (made.returncode, code, err) == (0, 0, "")
    assert (tmp_path / "new" / "mark.key").read_bytes() == issued.key.read_bytes()


@pytest.mark.parametrize(
    ("option", "algorithm", "mac"),
    [([], "PBES2", "sha256"), (["--compatible"], "pbeWithSHA1And3-KeyTripleDES-CBC", "sha1")],
)
def test_a_pkcs12_file_can_be_made_for_older_systems(
    run: Run, ca: Authority, tmp_path: Path, option: list[str], algorithm: str, mac: str
) -> None:
    """Android before 14 and older macOS take 3DES with SHA-1 and nothing newer."""
    ca.issue_user("mark@laptop", ("theor",), None)
    (tmp_path / "password").write_text("pw")
    secret = ["--password-file", str(tmp_path / "password")]
    file = ca.directory / "mark@laptop.p12"

    exported = run(main, "--directory", str(ca.directory), "export", "mark@laptop", *option, *secret)
    about = openssl("pkcs12", "-in", file, "-passin", "pass:pw", "-nokeys", "-info")
    imported = run(main, "--directory", str(tmp_path / "new"), "import", str(file), *secret)

    assert (exported[0], about.returncode, imported[0]) == (0, 0, 0)
    assert f"MAC: {mac}," in about.stderr
    assert about.stderr.count(algorithm) == 2


def test_a_pkcs12_file_is_opened_with_its_password_only(run: Run, ca: Authority, tmp_path: Path) -> None:
    """Nothing is written otherwise; and nothing that is there is replaced."""
    ca.issue_user("mark", password="right")
    (tmp_path / "password").write_text("wrong\n")
    at = ("--directory", str(tmp_path / "new"))
    file = ca.directory / "mark.p12"

    wrong, _, err = run(main, *at, "import", file, "--password-file", tmp_path / "password")
    (tmp_path / "password").write_text("right\n")
    here = ("--directory", str(ca.directory))
    there, _, taken = run(main, *here, "import", file, "--password-file", tmp_path / "password")
    other = Authority.create(tmp_path / "other")
    strange, _, foreign = run(
        main, "--directory", other.directory, "import", file, "--password-file", tmp_path / "password"
    )

    assert (wrong, there, strange) == (1, 1, 1)
    assert f"{file} cannot be opened" in err
    assert "mark.key already exists: use --force" in taken
    assert "differs from the CA in the file" in foreign
    assert not (tmp_path / "new").exists()
