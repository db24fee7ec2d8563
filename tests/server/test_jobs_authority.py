"""The server's authority for jobs: how it is made and named, and how long what it signs is good."""

import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from lgi_protocol.errors import LGIError, TransportError
from lgi_server.auth import client_certificate, job_ca
from lgi_server.auth.client_certificate import TrustConfig
from lgi_server.auth.crl import Revocation
from lgi_server.auth.job_ca import JobsAuthority
from lgi_server.auth.job_certificate import JobClaims as Named
from lgi_server.config.repository_host import RepositoryHost, parse_address
from tests.support.grid import BIN, Grid, refusal
from tests.support.running_jobs import REFERENCE, started
from tests.support.settings import without


@pytest.fixture
def authority(tmp_path: Path) -> JobsAuthority:
    """An authority for jobs of no server."""
    job_ca.create(tmp_path / "jobs.key", tmp_path / "jobs.crt", "localhost")
    return job_ca.load(tmp_path / "jobs.key", tmp_path / "jobs.crt", 7)


def issued(authority: JobsAuthority, end: datetime) -> x509.Certificate:
    """A job's certificate that is over at ``end`` at the latest."""
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    job = Named("LGI", 7, "res1@cluster", REFERENCE, "ab" * 32)
    return x509.load_pem_x509_certificate(authority.issue(key, job, end, datetime.now(UTC)))


def test_a_certificate_never_outlives_that_of_its_resource(authority: JobsAuthority) -> None:
    """It ends with the certificate of the resource, and within a week in any case."""
    soon = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)

    assert issued(authority, soon).not_valid_after_utc == soon
    late = issued(authority, soon + timedelta(days=100)).not_valid_after_utc
    assert late < soon + timedelta(days=7)


def test_a_request_that_is_repeated_at_once_gets_the_same_certificate(authority: JobsAuthority) -> None:
    """Exchanges made at once are answered with the same jobs; another job or a later time gets its own."""
    # given a request for a job
    key = ec.generate_private_key(ec.SECP256R1())
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, SHA256())
    job = Named("LGI", 7, "res1@cluster", REFERENCE, "ab" * 32)
    now = datetime.now(UTC)

    def issue(job: Named, at: datetime) -> bytes:
        """Return the certificate for it at a time."""
        return authority.issue_once(request.public_bytes(Encoding.DER), job, now + timedelta(days=1), at)

    # when it comes again
    first = issue(job, now)

    # then the answer is the same for a while, and for this job only
    assert issue(job, now + timedelta(seconds=50)) == first
    assert issue(replace(job, job_id=8), now) != first
    assert issue(job, now + timedelta(seconds=70)) != first
    assert issue(job, now) != first


def test_certificates_that_are_kept_do_not_add_up(authority: JobsAuthority) -> None:
    """A daemon that makes request after request takes no memory of the server."""
    # given many requests
    key = ec.generate_private_key(ec.SECP256R1())
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, SHA256())
    der, now = request.public_bytes(Encoding.DER), datetime.now(UTC)
    job = Named("LGI", 0, "res1@cluster", REFERENCE, "ab" * 32)

    # when each gets its certificate
    first = authority.issue_once(der, job, now + timedelta(days=1), now)
    for number in range(1, job_ca.KEPT + 1):
        authority.issue_once(der, replace(job, job_id=number), now + timedelta(days=1), now)

    # then the first is not kept any more
    assert authority.issue_once(der, job, now + timedelta(days=1), now) != first


def test_a_certificate_that_expires_on_an_open_connection_is_refused(
    authority: JobsAuthority, grid: Grid
) -> None:
    """TLS checks the expiry once, the server at each request."""
    der = issued(authority, datetime.now(UTC) + timedelta(days=1)).public_bytes(Encoding.DER)
    trust = TrustConfig(Revocation(None, grid.people.authority.ca_file), authority)
    environ = {"gunicorn.socket": SimpleNamespace(getpeercert=lambda binary_form: der)}
    now = datetime.now(UTC).timestamp()

    assert client_certificate.authenticate(environ, trust, now).caller == "job 7 on res1@cluster"
    with pytest.raises(LGIError, match="expired"):
        client_certificate.authenticate(environ, trust, now + 100_000)
    with pytest.raises(LGIError, match="it is not yet valid, only from 20"):
        client_certificate.authenticate(environ, trust, now - 100_000)
    with pytest.raises(LGIError, match="a job may not"):
        client_certificate.require_user_certificate(environ, trust, now)


@pytest.mark.slow
def test_another_server_of_the_project_does_not_know_the_certificate(grid: Grid, tmp_path: Path) -> None:
    """Each server trusts its own authority only: a job's files are on the server it came from."""
    job = started(grid, tmp_path)
    other = Grid(authority=grid.people.authority, server_name="LGI2@localhost")
    try:
        other.start()

        with pytest.raises(TransportError):
            replace(job, grid=other).submit(owners="mark@laptop")
    finally:
        other.remove()


def test_the_set_up_makes_a_key_that_only_the_server_can_read(grid: Grid) -> None:
    """It is created in the directory of the configuration, which names it."""
    directory = grid.config_file.parent

    assert (directory / "jobs.key").stat().st_mode & 0o777 == 0o600
    assert (grid.config.jobs_key, grid.config.jobs_certificate) == (
        directory / "jobs.key",
        directory / "jobs.crt",
    )


@pytest.mark.slow
def test_a_server_makes_what_its_configuration_names(tmp_path: Path) -> None:
    """Two lines and a restart are all an older installation needs."""
    grid = Grid(settings={"jobs_key": "new.key", "jobs_certificate": "new.crt"})
    try:
        grid.start()

        job = started(grid, tmp_path)

        assert job.list().status_code == 200
        assert (grid.config_file.parent / "new.key").stat().st_mode & 0o777 == 0o600
        before = (grid.config_file.parent / "new.crt").read_bytes()
        grid.stop()
        grid.start()
        assert (grid.config_file.parent / "new.crt").read_bytes() == before
        assert job.list().status_code == 200
    finally:
        grid.remove()


@pytest.mark.slow
def test_a_check_of_a_configuration_makes_nothing() -> None:
    """Both files may be missing; one of the two lines alone is a mistake."""
    grid = Grid(settings={"jobs_key": "new.key", "jobs_certificate": "new.crt"})
    try:
        check = [BIN / "LGI_server", "--check", grid.config_file]

        good = subprocess.run(check, capture_output=True, text=True, check=False)
        grid.config_file.write_text(without(grid.config_file.read_text(), "jobs_key"))
        half = subprocess.run(check, capture_output=True, text=True, check=False)

        assert good.returncode == 0, good.stderr
        assert not (grid.config_file.parent / "new.key").exists()
        assert half.returncode == 1
        assert "jobs_certificate is set: jobs_certificate and jobs_key go together" in half.stderr
    finally:
        grid.remove()


@pytest.mark.slow
def test_a_server_without_the_two_lines_gives_jobs_no_certificates(tmp_path: Path) -> None:
    """No tag, no certificate, and none that was given earlier is accepted."""
    grid = Grid()
    try:
        grid.start()
        job = started(grid, tmp_path)
        grid.stop()
        text = without(grid.config_file.read_text(), "jobs_certificate", "jobs_key")
        grid.config_file.write_text(text)
        grid.start()

        calls = grid.resource()

        assert not calls.sign_up().job_certificates
        assert refusal(lambda: calls.job_certificate(job.job_id, REFERENCE, b"x")) == 2
        with pytest.raises(TransportError):
            job.submit(owners="mark@laptop")
    finally:
        grid.remove()


@pytest.mark.parametrize("missing", ["jobs.key", "jobs.crt"])
def test_a_server_does_not_start_with_half_an_authority(missing: str) -> None:
    """The remaining file is not replaced, and the message names both."""
    grid = Grid()
    try:
        (grid.config_file.parent / missing).unlink()

        with pytest.raises(AssertionError, match=missing):
            grid.start()
    finally:
        grid.remove()


def test_a_server_does_not_start_with_the_key_of_another_certificate(tmp_path: Path) -> None:
    """Its jobs would be refused one by one."""
    grid = Grid()
    try:
        job_ca.create(tmp_path / "other.key", tmp_path / "other.crt", "x")
        (tmp_path / "other.key").replace(grid.config_file.parent / "jobs.key")

        with pytest.raises(AssertionError, match="is not the key of jobs_certificate"):
            grid.start()
    finally:
        grid.remove()


def test_jobs_get_no_certificates_where_another_host_has_the_files(grid: Grid) -> None:
    """That host's web server would not know them."""
    host = RepositoryHost(
        parse_address("repo@files"), "/srv", "https://files/", grid.config.server_key, Path("known_hosts")
    )

    assert job_ca.load_or_create(grid.config) is not None
    assert job_ca.load_or_create(replace(grid.config, remote=host)) is None
