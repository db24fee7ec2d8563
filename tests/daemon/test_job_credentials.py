"""Keys and certificates of jobs, as the daemon gets them and hands them out."""

import logging
import os
import stat
import subprocess
import sys
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from lgi_daemon.jobs.job import LocalJob
from lgi_daemon.loop.daemon import Daemon
from lgi_protocol.errors import ErrorNumber
from lgi_protocol.exchange import Exchange, ExchangeAnswer
from lgi_protocol.resource_api import ResourceCalls
from lgi_protocol.sign_up import SignUp
from tests.support.fake_server import URL, FakeCalls, FakeServer, refused
from tests.support.workshop import FAST, SLOW, Workshop, only, until

NAME = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "LGI jobs of test")])
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@dataclass
class IssuingServer(FakeServer):
    """A server that gives jobs certificates, from and until so long before and after now."""

    announces: bool = True
    age: timedelta = HOUR
    left: timedelta = 7 * DAY
    authority: ec.EllipticCurvePrivateKey = field(default_factory=lambda: new_key())
    # Certified in place of what is asked for.
    wrong_key: ec.EllipticCurvePrivateKey | None = None

    def certify(self, request: bytes) -> bytes:
        """A certificate for the key of a request."""
        asked = x509.load_der_x509_csr(request)
        assert asked.is_signature_valid
        key = self.wrong_key.public_key() if self.wrong_key else asked.public_key()
        now = datetime.now(UTC)
        builder = x509.CertificateBuilder(NAME, NAME, key, x509.random_serial_number())
        builder = builder.not_valid_before(now - self.age).not_valid_after(now + self.left)
        return builder.sign(self.authority, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


class IssuingCalls(FakeCalls):
    """The calls of a session on such a server."""

    server: IssuingServer

    def sign_up(self, capabilities: str = "", daemon: str = "") -> SignUp:
        return replace(super().sign_up(capabilities, daemon), job_certificates=self.server.announces)

    def job_certificate(self, job_id: str, daemon_reference: str, request: bytes) -> bytes:
        def answer() -> bytes:
            if self._known(job_id).daemon_reference != daemon_reference:
                raise refused(ErrorNumber.NOT_YOUR_LOCK)
            return self.server.certify(request)

        made: bytes = self.server.handle("job_certificate", answer)
        return made

    def exchange(
        self, exchange: Exchange, daemon: str, seconds: int = 0, *, load: int = 0, capabilities: str = ""
    ) -> ExchangeAnswer:
        answer = super().exchange(exchange, daemon, seconds, load=load, capabilities=capabilities)
        requests = {one.daemon_reference: one.request for one in exchange.references}
        jobs = [
            replace(one, certificate=self.server.certify(request))
            if (request := requests[one.description.daemon_reference])
            else one
            for one in answer.jobs
        ]
        return replace(answer, jobs=tuple(jobs))


class IssuingWorkshop(Workshop):
    """A resource whose one server gives jobs certificates."""

    def connect(self, project: str, server: str) -> ResourceCalls:
        return IssuingCalls(self.servers[server], project)


def new_key() -> ec.EllipticCurvePrivateKey:
    """A key as jobs have it."""
    return ec.generate_private_key(ec.SECP256R1())


@pytest.fixture
def workshop(place: Path) -> Workshop:
    """A resource, and the CA's certificate that it trusts."""
    (place / "none").mkdir()
    (place / "none" / "ca").write_text("the CA")
    return IssuingWorkshop(place, as_root=os.geteuid() == 0, servers={URL: IssuingServer()})


# For tests that count the calls for certificates: an exchange brings the first one.
BY_CALLS = pytest.mark.parametrize("server", [0], indirect=True, ids=["calls"])


@pytest.fixture(params=[0, 1], ids=["calls", "exchange"])
def server(workshop: Workshop, request: pytest.FixtureRequest) -> IssuingServer:
    """Its server, with one queued job; it has the calls of LGI only, or takes exchanges."""
    found = workshop.server
    assert isinstance(found, IssuingServer)
    found.exchange = request.param
    found.submit("1")
    return found


def files(job: LocalJob) -> Path:
    """The job's directory."""
    return job.run.files(job.record).path


def text(job: LocalJob, name: str) -> str:
    """What stands in a file of the job's directory."""
    return (files(job) / name).read_text()


def certificate(job: LocalJob) -> x509.Certificate:
    """The certificate that the job finds."""
    return x509.load_pem_x509_certificate(Path(text(job, "LGI_certificate_file")).read_bytes())


def taken(workshop: Workshop) -> tuple[Daemon, LocalJob]:
    """A daemon, and the job it has taken."""
    daemon = workshop.daemon()
    workshop.tick(daemon)
    return daemon, only(daemon)


def test_a_job_finds_a_key_a_certificate_and_the_ca(workshop: Workshop, server: IssuingServer) -> None:
    """The LGI_* files that old programs read name them, and only the job's user can read them."""
    _, job = taken(workshop)

    key = serialization.load_pem_private_key(Path(text(job, "LGI_key_file")).read_bytes(), None)
    assert certificate(job).public_key() == key.public_key()
    assert Path(text(job, "LGI_ca_certificate_file")).read_text() == "the CA"
    for name in (".LGI_job_key", ".LGI_job_certificate", ".LGI_job_ca_certificate"):
        status = (files(job) / name).stat()
        assert (stat.S_IMODE(status.st_mode), status.st_uid) == (0o400, job.record.uid)
    assert files(job).stat().st_mode & 0o077 == 0
    record = workshop.run_path / ".records" / job.record.reference / "record.json"
    assert stat.S_IMODE(record.stat().st_mode) == 0o600


def test_the_certificate_is_there_before_the_first_script_of_the_job(
    workshop: Workshop, server: IssuingServer
) -> None:
    """The prologue can fetch the input with it."""
    workshop.write_script("job_prologue_script", 'cp "$(cat LGI_certificate_file)" seen')

    daemon, job = taken(workshop)
    workshop.tick(daemon)

    assert text(job, "seen") == text(job, ".LGI_job_certificate")


def test_each_job_has_a_key_of_its_own(workshop: Workshop, server: IssuingServer) -> None:
    """A job has no rights of another job."""
    server.submit("2")
    daemon = workshop.daemon()
    workshop.tick(daemon)

    first, second = daemon.jobs

    assert text(first, ".LGI_job_key") != text(second, ".LGI_job_key")


def test_a_job_of_an_old_server_has_the_files_of_its_resource(
    workshop: Workshop, server: IssuingServer
) -> None:
    """Without the tag at sign-up nothing is asked, and the resource's own files are named."""
    server.announces = False

    _, job = taken(workshop)

    assert server.made("job_certificate") == []
    credentials = workshop.configuration.credentials
    assert text(job, "LGI_key_file") == str(credentials.key)
    assert text(job, "LGI_certificate_file") == str(credentials.certificate)
    assert text(job, "LGI_ca_certificate_file") == str(credentials.ca)
    assert list(files(job).glob(".LGI_job_key*")) == []


@BY_CALLS
def test_a_job_runs_without_a_certificate_and_gets_it_later(
    workshop: Workshop, server: IssuingServer, caplog: pytest.LogCaptureFixture
) -> None:
    """A job under its own uid has no key file meanwhile, since it cannot read the resource's key."""
    server.fail("job_certificate", times=2)

    daemon, job = taken(workshop)
    workshop.tick(daemon)

    until(lambda: "run" in workshop.acts())
    assert "cannot get a certificate for it" in caplog.text
    assert text(job, "LGI_key_file") == (
        "" if workshop.as_root else str(workshop.configuration.credentials.key)
    )
    workshop.tick(daemon, FAST)
    workshop.tick(daemon, FAST)
    assert text(job, "LGI_key_file") == str(files(job) / ".LGI_job_key")
    assert certificate(job)


def test_a_refused_certificate_stops_no_job(workshop: Workshop, server: IssuingServer) -> None:
    """The server may refuse one for any reason."""
    server.fail("job_certificate", refused(ErrorNumber.CERTIFICATE), times=9)

    daemon, _ = taken(workshop)
    workshop.tick(daemon)

    until(lambda: "run" in workshop.acts())


def test_a_certificate_is_renewed_when_half_of_its_time_is_over(
    workshop: Workshop, server: IssuingServer
) -> None:
    """The key stays, so that no program ever finds a pair that does not fit; a fresh one is left alone."""
    server.age, server.left = 5 * DAY, 4 * DAY
    daemon, job = taken(workshop)
    key, first = text(job, ".LGI_job_key"), certificate(job)
    server.age, server.left = HOUR, 7 * DAY
    asked = len(server.made("job_certificate"))

    workshop.tick(daemon, FAST)
    renewed = certificate(job)
    workshop.tick(daemon, FAST)

    assert renewed != first
    assert renewed.public_key() == first.public_key()
    assert text(job, ".LGI_job_key") == key
    assert len(server.made("job_certificate")) == asked + 1


@BY_CALLS
@pytest.mark.parametrize("how", ["SIGHUP", "restart"])
def test_jobs_get_new_certificates_when_the_resource_has_another_one(
    workshop: Workshop, server: IssuingServer, how: str
) -> None:
    """Their old ones are void for the server; new ones are requested once, with the same key."""
    shown = workshop.configuration.credentials.certificate
    shown.write_text("the old one")
    daemon, job = taken(workshop)
    first = certificate(job)
    shown.write_text("the new one")

    if how == "restart":
        daemon = workshop.restart(daemon)
    else:
        daemon.reconfigure(workshop.configuration)
    workshop.tick(daemon)
    workshop.tick(daemon, FAST)

    job = only(daemon)
    assert certificate(job) != first
    assert certificate(job).public_key() == first.public_key()
    assert server.made("job_certificate") == ["job_certificate"] * 2


@BY_CALLS
def test_a_daemon_that_was_killed_goes_on_with_the_same_key(
    workshop: Workshop, server: IssuingServer
) -> None:
    """The job may have it open."""
    daemon, job = taken(workshop)
    key, made = text(job, ".LGI_job_key"), certificate(job)

    daemon = workshop.restart(daemon)
    workshop.tick(daemon, FAST)

    assert (text(only(daemon), ".LGI_job_key"), certificate(only(daemon))) == (key, made)
    assert server.made("job_certificate") == ["job_certificate"]


def test_credentials_that_a_job_has_changed_are_restored(workshop: Workshop, server: IssuingServer) -> None:
    """The daemon never reads them, so another key in their place is never certified."""
    daemon, job = taken(workshop)
    key = text(job, ".LGI_job_key")
    (files(job) / ".LGI_job_key").unlink()
    (files(job) / ".LGI_job_key").symlink_to("/etc/shadow")

    workshop.tick(daemon, FAST)

    assert text(job, ".LGI_job_key") == key
    assert not (files(job) / ".LGI_job_key").is_symlink()


@pytest.mark.parametrize("name", [".LGI_job_key", ".LGI_job_certificate", ".LGI_job_ca_certificate"])
def test_a_change_of_a_jobs_credentials_is_noticed(
    workshop: Workshop, server: IssuingServer, name: str
) -> None:
    """The same holds for any other LGI_* file, and for its hash."""
    _daemon, job = taken(workshop)
    found = job.run.files(job.record)
    for file in (name, "LGI_state", "LGI_state.hash"):
        before = found.fingerprint()
        (files(job) / file).unlink()
        (files(job) / file).symlink_to("/etc/shadow")

        assert found.fingerprint() != before


@pytest.mark.parametrize("answer", [b"", b"no certificate", b"-----BEGIN CERTIFICATE-----\n" * 10_000])
def test_an_answer_that_is_no_certificate_is_not_handed_on(
    workshop: Workshop, server: IssuingServer, answer: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The job runs without a certificate."""
    monkeypatch.setattr(server, "certify", lambda _request: answer)

    daemon, job = taken(workshop)
    workshop.tick(daemon)

    until(lambda: "run" in workshop.acts())
    assert not (files(job) / ".LGI_job_certificate").exists()


def test_a_certificate_for_another_key_is_not_handed_on(workshop: Workshop, server: IssuingServer) -> None:
    """The job's key could not be used with it."""
    server.wrong_key = new_key()

    _, job = taken(workshop)

    assert not (files(job) / ".LGI_job_certificate").exists()


@pytest.mark.parametrize(
    "change",
    [
        {"job_specifics": "<daemon_reference> another </daemon_reference>"},
        {"state": "finished"},
        {"state": "aborted"},
    ],
)
def test_a_job_that_is_not_ours_any_more_gets_no_certificate(
    workshop: Workshop, server: IssuingServer, change: dict[str, str]
) -> None:
    """The server would refuse it: it is not asked."""
    server.age, server.left = 5 * DAY, 4 * DAY
    daemon, job = taken(workshop)
    workshop.marked(job, "is_running")
    asked = len(server.made("job_certificate"))
    server.change("1", **change)

    workshop.tick(daemon, FAST)
    workshop.tick(daemon, FAST)

    assert len(server.made("job_certificate")) == asked


def test_no_key_is_logged_or_shown(
    workshop: Workshop, server: IssuingServer, caplog: pytest.LogCaptureFixture
) -> None:
    """This holds for every log level, and for the text of a record."""
    caplog.set_level(logging.DEBUG)

    daemon, job = taken(workshop)
    workshop.tick(daemon, FAST)

    middle = text(job, ".LGI_job_key").splitlines()[1]
    assert middle not in caplog.text
    assert "PRIVATE KEY" not in caplog.text
    assert middle not in repr(job.record)


def test_a_job_without_the_cas_certificate_is_not_taken(workshop: Workshop, server: IssuingServer) -> None:
    """Such a resource is not set up; the job stays for another one."""
    (workshop.place / "none" / "ca").unlink()

    daemon = workshop.daemon()
    workshop.tick(daemon)

    assert list(daemon.jobs) == []
    assert server.jobs["1"].state == "queued"
    assert workshop.tree() == []


def test_a_daemon_loads_what_makes_keys_only_to_make_one() -> None:
    """The library takes 10 MB, which a daemon without such jobs saves."""
    told = "import sys, lgi_daemon.cli.main; print('cryptography' in sys.modules)"

    ended = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)

    assert ended.stdout == "False\n"


@BY_CALLS
def test_the_certificate_of_a_job_is_not_read_to_know_how_old_it_is(
    workshop: Workshop,
    server: IssuingServer,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The job's record has the time of the renewal, also for the next daemon."""
    daemon, _ = taken(workshop)
    monkeypatch.delattr("lgi_daemon.files.job_key")
    monkeypatch.setitem(sys.modules, "lgi_daemon.files.job_key", None)

    daemon = workshop.restart(daemon)
    workshop.tick(daemon, FAST)

    assert server.made("job_state") != []
    assert "internal error" not in caplog.text


def test_a_missing_ca_file_is_named_once_and_no_job_is_fetched(
    workshop: Workshop, server: IssuingServer, caplog: pytest.LogCaptureFixture
) -> None:
    """The queue stays as it is, and what is wrong is not said for each of its jobs; then all goes on."""
    logging.getLogger("lgi_daemon").propagate = True
    for number in range(2, 9):
        server.submit(str(number))
    ca = workshop.place / "none" / "ca"
    ca.unlink()
    daemon = workshop.daemon()
    for _cycle in range(3):
        workshop.tick(daemon, SLOW)
    queued = {job.state for job in server.jobs.values()}
    ca.write_text("the CA")

    workshop.tick(daemon, SLOW)

    named = [text for text in map(logging.LogRecord.getMessage, caplog.records) if "not fetching" in text]
    assert named == [f"not fetching jobs: cannot read the CA file {ca}: No such file or directory"]
    assert queued == {"queued"}
    assert {job.state for job in server.jobs.values()} == {"running"}


@pytest.mark.parametrize("server", [1], indirect=True, ids=["exchange"])
def test_an_exchange_brings_the_certificate_of_each_job(workshop: Workshop, server: IssuingServer) -> None:
    """No call is made for it; the key was on the disk before the server knew of it."""
    _, job = taken(workshop)

    assert certificate(job).public_key().public_numbers() == (
        serialization.load_pem_private_key(Path(text(job, "LGI_key_file")).read_bytes(), None)
        .public_key()
        .public_numbers()  # type: ignore[union-attr]
    )
    assert server.made("job_certificate") == []


@pytest.mark.parametrize("server", [1], indirect=True, ids=["exchange"])
def test_a_job_whose_certificate_cannot_be_used_gets_another_one(
    workshop: Workshop, server: IssuingServer
) -> None:
    """That of the exchange was for another key: it is asked for with the next heartbeat."""
    server.wrong_key = new_key()
    daemon, job = taken(workshop)
    before = job.record.job_certificate
    server.wrong_key = None
    workshop.marked(job, "is_running")

    workshop.tick(daemon, FAST)

    assert (before, server.made("job_certificate")) == ("", ["job_certificate"])
    assert job.record.job_certificate
