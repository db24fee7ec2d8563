"""A resource continues with a renewed certificate without being registered again."""

from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from lgi_protocol.client import Client
from lgi_protocol.credentials import Credentials
from lgi_protocol.resource_api import ResourceCalls
from lgi_tools.certificates import profiles
from lgi_tools.certificates.ca import read_certificate
from lgi_tools.certificates.keys import read_key
from lgi_tools.certificates.profiles import Kind, Validity
from tests.support.certificates import ca_key
from tests.support.grid import PROJECT, Grid, refusal
from tests.support.running_jobs import repository_of, started

NAME = "res1@cluster"


def signed_anew(
    grid: Grid, tmp_path: Path, days: int, subject: str = NAME, key: Path | None = None
) -> ResourceCalls:
    """Calls with another certificate of the grid's authority for the resource's key, or for another one."""
    authority = grid.people.authority
    key = key or grid.people.resource(NAME).key
    name = profiles.subject(subject, Kind.RESOURCE)
    made = profiles.sign_leaf(
        authority.certificate,
        ca_key(authority),
        read_key(key).public_key(),
        name=name,
        validity=Validity.of_days(days),
    )
    file = tmp_path / f"{made.serial_number}.crt"
    file.write_bytes(made.public_bytes(Encoding.PEM))
    return ResourceCalls(Client(grid.url, Credentials(key, file, authority.ca_file)), PROJECT)


def registered(grid: Grid) -> x509.Certificate:
    """The certificate the database has."""
    (row,) = grid.rows("SELECT client_certificate FROM active_resources WHERE resource_name = %s", NAME)
    return x509.load_pem_x509_certificate(str(row["client_certificate"]).encode())


def test_a_renewed_certificate_is_as_good_as_the_registered_one(grid: Grid, tmp_path: Path) -> None:
    """Sessions, jobs and repositories go on, in the middle of a job; the old one is good until its end."""
    old = grid.resource(NAME)
    user = grid.user()
    job = user.submit()
    old.lock(str(job))
    old.update(str(job), state="running", target_resources=NAME)
    new = signed_anew(grid, tmp_path, days=731)
    new.session_id = old.session_id

    new.unlock(str(job))

    assert new.client.session.put(f"{repository_of(grid, job)}/x", data=b"x").status_code == 200
    assert new.job_state(str(job)).state == "running"
    assert old.job_state(str(job)).state == "running"


def test_a_sign_up_registers_a_certificate_that_ends_later(grid: Grid, tmp_path: Path) -> None:
    """So that the end of the old one ends nothing; one that ends earlier is accepted and not noted."""
    grid.resource(NAME)
    shorter, longer = signed_anew(grid, tmp_path, 10), signed_anew(grid, tmp_path, 731)
    before = registered(grid).serial_number

    shorter.sign_up()
    kept = registered(grid).serial_number
    longer.sign_up()
    shorter.sign_up()

    assert kept == before
    assert registered(grid) == read_certificate(longer.client.credentials.certificate)


def test_the_certificates_of_jobs_stay_when_that_of_their_resource_is_renewed(
    grid: Grid, tmp_path: Path
) -> None:
    """A job in the middle of a file need not wait for its daemon."""
    job = started(grid, tmp_path)

    signed_anew(grid, tmp_path, 731).sign_up()

    assert registered(grid) != read_certificate(grid.people.resource(NAME).certificate)
    assert job.list().status_code == 200


@pytest.mark.parametrize("other", ["key", "projects"])
def test_another_key_or_subject_is_not_the_one_registered(grid: Grid, tmp_path: Path, other: str) -> None:
    """Such a certificate is another identity; other projects must be registered by the administrator."""
    grid.resource(NAME)
    before = registered(grid)
    if other == "key":
        stranger = signed_anew(grid, tmp_path, 731, key=grid.people.resource("res2@cluster").key)
    else:
        stranger = signed_anew(grid, tmp_path, 731, subject=f"{NAME}; LGI, Other")

    assert refusal(stranger.sign_up) == 2
    assert registered(grid) == before
