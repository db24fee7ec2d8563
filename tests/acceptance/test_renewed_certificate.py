"""A daemon continues to run when its resource's certificate is renewed."""

import os

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from lgi_tools.certificates import profiles
from lgi_tools.certificates.ca import read_certificate
from lgi_tools.certificates.keys import read_key
from lgi_tools.certificates.profiles import Kind, Validity
from tests.acceptance.conftest import RESOURCE, DaemonProcess
from tests.support.certificates import ca_key
from tests.support.grid import Grid, wait_for

pytestmark = pytest.mark.slow


def test_a_daemon_goes_on_with_its_renewed_certificate(grid: Grid, daemon: DaemonProcess) -> None:
    """No restart and no new registration is needed: the server recognizes the renewed certificate."""
    issued = grid.people.resource(RESOURCE)
    authority = grid.people.authority
    key, name = read_key(issued.key).public_key(), profiles.subject(RESOURCE, Kind.RESOURCE)
    validity = Validity.of_days(800)
    new = profiles.sign_leaf(authority.certificate, ca_key(authority), key, name=name, validity=validity)
    written = issued.certificate.with_suffix(".new")
    written.write_bytes(new.public_bytes(Encoding.PEM))

    os.replace(written, issued.certificate)

    assert read_certificate(issued.certificate) == new
    wait_for(lambda: "now using the renewed certificate" in daemon.log.read_text())
    wait_for(lambda: registered(grid) == new.public_bytes(Encoding.PEM).decode())
    user = grid.user()
    job = user.submit(input=b"hi".hex())
    wait_for(lambda: user.state(job) == "finished")


def registered(grid: Grid) -> object:
    (row,) = grid.rows("SELECT client_certificate FROM active_resources WHERE resource_name = %s", RESOURCE)
    return row["client_certificate"]
