"""Fixtures of the daemon's tests: a workshop, and files of a certificate that is valid."""

import datetime
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from .workshop import Workshop, until


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory that jobs under uids of their own can enter, which tmp_path is not."""
    path = Path(tempfile.mkdtemp(prefix="lgi-daemon-"))
    path.chmod(0o755)
    yield path

    def removed() -> bool:
        # A run script that was just started may still write.
        shutil.rmtree(path, ignore_errors=True)
        return not path.exists()

    until(removed)


@pytest.fixture
def workshop(place: Path) -> Workshop:
    """A resource with one project, one application and a fake server."""
    return Workshop(place, as_root=os.geteuid() == 0)


@pytest.fixture(scope="session")
def certificate_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with ca.crt, laptop.crt and laptop.key that belong together."""
    folder = tmp_path_factory.mktemp("certificates")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "cluster@test")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
    )
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "ca.crt").write_bytes(certificate)
    (folder / "laptop.crt").write_bytes(certificate)
    (folder / "laptop.key").write_bytes(pem)
    return folder
