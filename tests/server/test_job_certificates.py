"""Certificates of jobs: who is given one, what stands in it, and when it stops being worth anything."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from lgi_protocol.resource_api import ResourceCalls
from lgi_server.auth import client_certificate
from lgi_tools.certificates import keys
from lgi_tools.certificates.ca import read_certificate
from lgi_tools.certificates.keys import KeyType
from tests.support import certificates
from tests.support.grid import Grid, refusal, wait_for
from tests.support.running_jobs import REFERENCE, JobClaims, repository_of, signing_request, started, take

pytestmark = pytest.mark.slow

REQUEST = signing_request(ec.generate_private_key(ec.SECP256R1()))


def asked(calls: ResourceCalls, job_id: object, reference: str = REFERENCE, request: bytes = REQUEST) -> int:
    """The error number a certificate is refused with."""
    return refusal(lambda: calls.job_certificate(str(job_id), reference, request))


def test_sign_up_says_that_jobs_get_certificates(grid: Grid) -> None:
    """An old daemon reads over the tag."""
    assert grid.resource().sign_up().job_certificates


def test_a_certificate_says_what_the_server_knows(grid: Grid, tmp_path: Path) -> None:
    """The request gives only the key. It is valid for a week, for clients only, under a reserved name."""
    job = started(grid, tmp_path)

    made = read_certificate(job.credentials.certificate)

    assert made.subject.rfc4514_string() == f"CN=job {job.job_id}\\;,OU=LGI job"
    names = made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    said = f"lgi-job:project=LGI&job_id={job.job_id}&resource=res1%40cluster&reference={REFERENCE}"
    shown = client_certificate.fingerprint(grid.people.resource("res1@cluster").certificate.read_text())
    assert [name.value for name in names] == [f"{said}&certificate={shown}"]
    uses = made.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(uses) == [x509.ExtendedKeyUsageOID.CLIENT_AUTH]
    assert not made.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    left = made.not_valid_after_utc - datetime.now(UTC)
    assert timedelta(days=6, hours=23) < left <= timedelta(days=7)
    with pytest.raises(ValueError, match="is not 'name'"):
        client_certificate.read(made.public_bytes(Encoding.DER))


def test_a_job_can_be_given_a_certificate_again(grid: Grid, tmp_path: Path) -> None:
    """Its daemon requests a new one before the first expires."""
    job = started(grid, tmp_path)

    again = job.resource.job_certificate(job.job_id, REFERENCE, REQUEST)

    assert again.startswith(b"-----BEGIN CERTIFICATE-----")


def test_only_the_resource_that_has_the_job_gets_its_certificate(grid: Grid, tmp_path: Path) -> None:
    """Errors 24 and 14: another resource, and a daemon of the same one that has lost the job."""
    job = started(grid, tmp_path)
    other = grid.resource("res2@cluster")

    assert asked(other, job.job_id) == 24
    assert asked(job.resource, job.job_id, "F" * 32) == 14
    assert asked(job.resource, job.job_id, "") == 14


def test_a_job_that_is_anybodys_gets_no_certificate(grid: Grid) -> None:
    """A queued job for any resource, even when its specifics hold a reference; no job at all is 15."""
    calls, user = grid.resource(), grid.user()
    job_id = user.submit()
    reference = f"<daemon_reference> {REFERENCE} </daemon_reference>"
    grid.set_job(job_id, job_specifics=reference)

    assert asked(calls, job_id) == 24
    grid.set_job(job_id, state="running")
    assert asked(calls, job_id) == 24
    assert asked(calls, job_id + 1) == 15


@pytest.mark.parametrize("state", ["queued", "finished", "aborted"])
def test_a_job_that_does_not_run_gets_no_certificate(grid: Grid, tmp_path: Path, state: str) -> None:
    """Error 25."""
    job = started(grid, tmp_path)
    grid.set_job(int(job.job_id), state=state)

    assert asked(job.resource, job.job_id) == 25


def test_a_reference_that_is_empty_is_nobodys(grid: Grid) -> None:
    """An older daemon's job without a reference has no daemon that could ask."""
    calls = grid.resource()
    grid.user().submit()
    job_id = take(grid, calls)
    grid.set_job(int(job_id), job_specifics="")

    assert asked(calls, job_id, " ") == 14


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param(signing_request(ec.generate_private_key(ec.SECP384R1())), id="P-384"),
        pytest.param(signing_request(keys.make_key(KeyType.RSA)), id="RSA"),
        pytest.param(REQUEST[:-3] + b"\x00\x00\x00", id="not signed by its key"),
        pytest.param(b"-----BEGIN", id="no request"),
        pytest.param(b"", id="nothing"),
        pytest.param(REQUEST + b"\x00" * 4096, id="too long"),
    ],
)
def test_a_request_that_cannot_be_used_is_refused(grid: Grid, request_: bytes) -> None:
    """Error 2: a job has an EC key on P-256 and shows that it has it."""
    calls = grid.resource()
    grid.user().submit()

    assert asked(calls, take(grid, calls), request=request_) == 2


ENDS: dict[str, Callable[[JobClaims], object]] = {
    "finished": lambda job: job.grid.set_job(int(job.job_id), state="finished"),
    "aborted": lambda job: job.grid.set_job(int(job.job_id), state="aborted"),
    "queued again": lambda job: job.grid.set_job(int(job.job_id), state="queued"),
    "gone": lambda job: job.grid.run("DELETE FROM job_queue WHERE job_id = %s", job.job_id),
    "taken over": lambda job: job.grid.set_job(
        int(job.job_id), job_specifics=f"<daemon_reference> {'F' * 32} </daemon_reference>"
    ),
    "nobody's": lambda job: job.grid.set_job(int(job.job_id), job_specifics=""),
    "elsewhere": lambda job: job.grid.set_job(int(job.job_id), target_resources="res2@cluster"),
    "anybody's": lambda job: job.grid.set_job(int(job.job_id), target_resources="any"),
    "resource removed": lambda job: job.grid.run(
        "DELETE FROM active_resources WHERE resource_name = 'res1@cluster'"
    ),
    "resource with another certificate": lambda job: job.grid.run(
        "UPDATE active_resources SET client_certificate = %s WHERE resource_name = 'res1@cluster'",
        job.grid.people.resource("res1@cluster", ("LGI",)).certificate.read_text(),
    ),
    "resource without certificate": lambda job: job.grid.run(
        "UPDATE active_resources SET client_certificate = '' WHERE resource_name = 'res1@cluster'"
    ),
}


@pytest.mark.parametrize("end", ENDS)
def test_a_certificate_dies_with_its_job(grid: Grid, tmp_path: Path, end: str) -> None:
    """At once, also on a connection that was open before."""
    job = started(grid, tmp_path)
    session = job.client.session
    file = f"{job.repository}/.LGI_repository_write_access"
    assert session.get(file).status_code == 200

    ENDS[end](job)

    assert session.get(file).status_code == 403
    assert job.list().status_code == 403
    assert job.ask("PUT", f"{job.repository}/late", b"x").status_code == 403
    assert job.ask("DELETE", f"{job.repository}/late").status_code == 403
    assert refusal(lambda: job.submit(owners="mark@laptop")) == 2


@pytest.mark.parametrize("state", ["aborting", "running", "staging_out"])
def test_a_certificate_lives_while_scripts_of_the_job_may_run(grid: Grid, tmp_path: Path, state: str) -> None:
    """An abort script may save what there is; a word of the site counts as running."""
    job = started(grid, tmp_path)
    grid.set_job(int(job.job_id), state=state)

    assert job.ask("PUT", f"{job.repository}/rest", b"x").status_code == 200


def test_a_file_whose_job_has_ended_on_the_way_is_not_stored(grid: Grid, tmp_path: Path) -> None:
    """The results of an ended job cannot change any more."""
    job = started(grid, tmp_path)

    def body() -> object:
        yield b"x" * 100_000
        grid.set_job(int(job.job_id), state="finished")
        yield b"y"

    answer = job.client.session.put(f"{job.repository}/late", data=body())

    assert answer.status_code == 403
    listed = grid.user().client.session.get(f"{job.repository}/late")
    assert listed.status_code == 404


def test_a_new_job_of_the_same_number_is_another_job(grid: Grid, tmp_path: Path) -> None:
    """SQLite may give a number again; the daemon's reference is never the same."""
    job = started(grid, tmp_path)
    grid.run("DELETE FROM job_queue WHERE job_id = %s", job.job_id)
    again = grid.user().submit()
    grid.run("UPDATE job_queue SET job_id = %s WHERE job_id = %s", job.job_id, again)
    grid.set_job(
        int(job.job_id),
        state="running",
        target_resources="res1@cluster",
        job_specifics=f"<daemon_reference> {'E' * 32} </daemon_reference>",
    )

    answer = job.ask("PUT", f"{repository_of(grid, job.job_id)}/x", b"x")

    assert answer.status_code == 403


def test_a_certificate_dies_when_that_of_its_resource_is_revoked(tmp_path: Path) -> None:
    """Within seconds, as the resource's own does."""
    grid = Grid()
    try:
        grid.start()
        job = started(grid, tmp_path)
        serial = read_certificate(grid.people.resource("res1@cluster").certificate).serial_number
        assert job.list().status_code == 200

        certificates.revoke(grid.people.authority, serial)

        wait_for(lambda: job.list().status_code == 403)
    finally:
        grid.remove()
