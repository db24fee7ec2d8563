"""Fixtures of the daemon's tests: a workshop, and files of a certificate that is valid."""

import datetime
import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from lgi_daemon.execution.environment import link_programs
from lgi_daemon.execution.scripts import ScriptContext
from tests.support.fake_server import FakeServer
from tests.support.uids import UID
from tests.support.workshop import Workshop, until

Write = Callable[[str], Path]
IS_ROOT = os.geteuid() == 0
HELLO = Path(__file__).parents[2] / "applications" / "hello_world"


@pytest.fixture(autouse=True)
def log_as_before() -> Iterator[None]:
    """A test that sets up the daemon's log leaves it to the next one as it found it."""
    log = logging.getLogger("lgi_daemon")
    level, propagate, handlers = log.level, log.propagate, log.handlers
    yield
    log.setLevel(level)
    log.propagate, log.handlers = propagate, handlers


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
def write(place: Path) -> Write:
    """Makes a script of a body."""

    def make(body: str) -> Path:
        script = place / "script"
        script.write_text(f"#!/bin/sh\n{body}\n")
        script.chmod(0o755)
        return script

    return make


@pytest.fixture
def here(place: Path) -> ScriptContext:
    """A job's directory, under root with a user of its own."""
    directory = place / "job directory; $(touch hacked)"
    directory.mkdir()
    uid = UID if IS_ROOT else None
    if uid is not None:
        os.chown(directory, uid, uid)
    return ScriptContext(directory, uid, {"LGI_JOB_ID": "7"}, programs=link_programs(place))


@pytest.fixture
def workshop(place: Path) -> Workshop:
    """A resource with one project, one application and a fake server."""
    return Workshop(place, as_root=os.geteuid() == 0)


@pytest.fixture
def server(workshop: Workshop) -> FakeServer:
    """The master with one queued job."""
    workshop.server.submit("1")
    return workshop.server


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


@pytest.fixture
def file(place: Path, certificate_files: Path) -> Path:
    """The shipped example, with the files it names."""
    shutil.copytree(certificate_files, place / "certificates")
    (place / "certificates" / "ca.crt").rename(place / "certificates" / "LGI+CA.crt")
    folder = place / "applications" / "hello_world"
    shutil.copytree(HELLO, folder)
    (folder / "runhere").mkdir(mode=0o755)
    return (folder / "LGI.cfg.example").rename(folder / "LGI.cfg")
