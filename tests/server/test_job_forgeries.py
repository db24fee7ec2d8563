"""Certificates that say what a job's says and are signed by others, and sessions of TLS that go on."""

import socket
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from lgi_protocol.client import Client
from lgi_protocol.credentials import Credentials
from lgi_protocol.errors import ServerError, TransportError
from lgi_protocol.x509_builder import PrivateKey
from lgi_server.auth import job_ca, job_certificate
from lgi_server.auth.job_certificate import JobClaims as Named
from lgi_tools.certificates import keys
from lgi_tools.certificates.ca import read_certificate
from tests.support.certificates import ca_key
from tests.support.grid import Grid, refusal
from tests.support.running_jobs import JobClaims, started

OWNER = "mark@laptop"


@pytest.fixture
def job(grid: Grid, tmp_path: Path) -> JobClaims:
    """A job of mark@laptop on res1@cluster."""
    return started(grid, tmp_path)


def signed(grid: Grid, job: JobClaims, directory: Path, authority: "Forger", name: str) -> Client:
    """A client with a certificate that has all claims of the job's, signed by another key."""
    own = read_certificate(job.credentials.certificate)
    key = ec.generate_private_key(ec.SECP256R1())
    common = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]) if name else own.subject
    # Without the identifiers of keys only the signatures are left to tell.
    identifiers = (x509.AuthorityKeyIdentifier, x509.SubjectKeyIdentifier)
    kept = [one for one in own.extensions if not isinstance(one.value, identifiers)]
    builder = (
        x509.CertificateBuilder(extensions=kept)
        .subject_name(common)
        .issuer_name(authority[0])
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - timedelta(hours=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=1))
    )
    made = builder.sign(authority[1], hashes.SHA256())
    (directory / "forged.crt").write_bytes(made.public_bytes(Encoding.PEM))
    (directory / "forged.key").write_bytes(keys.key_pem(key))
    files = (directory / "forged.key", directory / "forged.crt", grid.people.authority.ca_file)
    return Client(grid.url, Credentials(*files))


Forger = tuple[x509.Name, PrivateKey]


def test_an_authority_of_the_same_name_is_another_one(grid: Grid, job: JobClaims, tmp_path: Path) -> None:
    """Its certificates get no handshake; neither do those that the job signs with its own key."""
    job_ca.create(tmp_path / "forged-ca.key", tmp_path / "forged-ca.crt", "localhost")
    assert grid.config.jobs_certificate is not None
    real = read_certificate(grid.config.jobs_certificate).subject
    assert read_certificate(tmp_path / "forged-ca.crt").subject == real

    for forger in (
        (real, keys.read_key(tmp_path / "forged-ca.key")),
        (read_certificate(job.credentials.certificate).subject, keys.read_key(job.credentials.key)),
    ):
        with pytest.raises(TransportError):
            signed(grid, job, tmp_path, forger, "").post("resources/resource_submit_job", {})


def test_the_projects_authority_makes_no_jobs(grid: Grid, job: JobClaims, tmp_path: Path) -> None:
    """Only the signing key decides whether a certificate is a job's, not its claims."""
    project: Forger = (read_certificate(grid.people.authority.ca_file).subject, ca_key(grid.people.authority))

    nobody = signed(grid, job, tmp_path, project, "")
    with pytest.raises(ServerError, match="LGI error 2"):
        nobody.post("resources/resource_submit_job", {"project": "LGI"})
    assert nobody.session.get(f"{job.repository}/x").status_code == 403
    frank = signed(grid, job, tmp_path, project, "frank@x")
    assert frank.session.put(f"{job.repository}/x", data=b"x").status_code == 404
    with pytest.raises(ServerError, match="LGI error 5"):
        frank.post("resources/resource_submit_job", {"project": "LGI"})


def test_a_certificate_of_the_jobs_authority_is_never_an_ordinary_one(
    grid: Grid, job: JobClaims, tmp_path: Path
) -> None:
    """Even with the name of a user it identifies a job, or is refused."""
    assert grid.config.jobs_key is not None
    assert grid.config.jobs_certificate is not None
    subject = read_certificate(grid.config.jobs_certificate).subject
    forger = (subject, keys.read_key(grid.config.jobs_key))

    client = signed(grid, job, tmp_path, forger, OWNER)

    fields = {"project": "LGI", "user": OWNER, "groups": OWNER}
    assert refusal(lambda: client.post("interfaces/interface_job_state", fields)) == 2


def test_a_certificate_that_names_no_job_is_nobodys() -> None:
    """The server signs none; should it ever, it is worth nothing."""
    said = job_certificate.alternative(Named("LGI", 1, "a&b=c@x", "R", "C")).value
    for text in (
        "https://x/",
        "lgi-job:",
        f"{said}&job_id=2",
        f"{said}&more=1",
        "lgi-job:project=LGI&job_id=1",
    ):
        key = ec.generate_private_key(ec.SECP256R1())
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([]))
            .issuer_name(x509.Name([]))
            .public_key(key.public_key())
            .serial_number(1)
            .not_valid_before(datetime.now(UTC))
            .not_valid_after(datetime.now(UTC) + timedelta(days=1))
            .add_extension(
                x509.SubjectAlternativeName([x509.UniformResourceIdentifier(text)]), critical=False
            )
        )
        with pytest.raises(ValueError, match=r"job|query"):
            job_certificate.read(builder.sign(key, hashes.SHA256()))


def resumed(
    grid: Grid, context: ssl.SSLContext, session: ssl.SSLSession | None, request: str
) -> tuple[str, ssl.SSLSession]:
    """Return the answer on a new connection that resumes the TLS session of an older one."""
    plain = socket.create_connection(("127.0.0.1", grid.port))
    with context.wrap_socket(plain, server_hostname="localhost", session=session) as connection:
        assert connection.session_reused == (session is not None)
        connection.sendall(f"{request} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        answer = b""
        while block := connection.recv(65536):
            answer += block
        kept = connection.session
        assert kept is not None
        return answer.decode("latin-1"), kept


def test_a_resumed_session_is_the_same_job(grid: Grid, job: JobClaims) -> None:
    """It carries the job's certificate: no more rights, and none when the job has ended."""
    context = job.credentials.context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    own = f"GET {job.repository.partition(str(grid.port))[2]}/.LGI_repository_write_access"
    first, session = resumed(grid, context, None, own)

    again, _ = resumed(grid, context, session, own)
    call, _ = resumed(grid, context, session, "GET /LGI/interfaces/interface_job_state")
    grid.set_job(int(job.job_id), state="finished")
    late, _ = resumed(grid, context, session, own)

    assert first.startswith("HTTP/1.1 200")
    assert again.startswith("HTTP/1.1 200")
    assert "<number> 2 </number>" in call
    assert late.startswith("HTTP/1.1 403")
