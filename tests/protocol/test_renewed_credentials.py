"""Credentials whose files are replaced while a program uses them, and when to warn of their end."""

import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st

from lgi_protocol import expiry
from lgi_protocol.client import Client
from lgi_protocol.credentials import Credentials
from lgi_tools.certificates import profiles
from lgi_tools.certificates.ca import Authority
from lgi_tools.certificates.profiles import Validity
from tests.support.certificates import ca_key
from tests.support.tls_server import Listening, listening

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The CA of our project."""
    return Authority.create(tmp_path_factory.mktemp("ours") / "ca")


@pytest.fixture
def server(ours: Authority) -> Iterator[Listening]:
    """A server that notes who calls."""
    with listening(ours.issue_server("localhost", force=True), ours.ca_file) as started:
        yield started


def test_a_renewed_certificate_is_shown_from_the_next_call_on(ours: Authority, server: Listening) -> None:
    """Without a new client; a certificate whose key is not there yet leaves the old one in use."""
    old, new = ours.issue_resource("old@cluster", force=True), ours.issue_resource("new@cluster", force=True)
    client = Client(server.url(), Credentials(old.key, old.certificate, ours.ca_file))

    def call() -> str:
        client.post("resources/resource_job_state", {})
        return server.callers[-1]

    callers = [call(), call()]
    new.certificate.replace(old.certificate)
    callers.append(call())
    new.key.replace(old.key)
    callers += [call(), call()]

    client.close()
    assert callers == ["old@cluster"] * 3 + ["new@cluster"] * 2
    assert server.handshakes == 2


def ending(ours: Authority, name: str, end: datetime) -> Path:
    """A certificate that is good until then."""
    validity = Validity(end - timedelta(days=100), end)
    return ours.issue_user(name, validity=validity, force=True).certificate


@pytest.mark.parametrize(
    ("left", "words"),
    [
        (timedelta(days=30, seconds=1), ""),
        (timedelta(days=29, hours=23), "expires on 2026-12-01 (in 29 days)"),
        (timedelta(days=1), "expires on 2026-11-02 (in 1 day)"),
        (timedelta(hours=3), "expires on 2026-11-01 (today)"),
        (timedelta(days=-1), "expired on 2026-10-31"),
    ],
)
def test_the_end_of_a_certificate_is_announced_for_thirty_days(
    ours: Authority, left: timedelta, words: str
) -> None:
    """A warning names the file and the days left, or that it has ended; each file once."""
    file = ending(ours, "mark", NOW + left)

    said = expiry.warnings([file, file], NOW)

    assert said == ([f"the certificate {file} {words}: renew it"] if words else [])


def test_a_certificate_that_is_not_yet_valid_is_announced(ours: Authority) -> None:
    """As on a machine whose clock is behind; the clock is named."""
    validity = Validity(NOW + timedelta(hours=2), NOW + timedelta(days=100))
    file = ours.issue_user("mark", validity=validity, force=True).certificate

    said = expiry.warnings([file], NOW)

    assert said == [
        f"the certificate {file} is not yet valid, only from 2026-11-01 {NOW.hour + 2:02}:00 UTC:"
        " check the clock of this machine"
    ]
    assert expiry.warnings([file], NOW + timedelta(hours=3)) == []


def test_the_later_end_counts_for_a_renewed_ca_beside_the_old_one(ours: Authority, tmp_path: Path) -> None:
    """A file may hold several certificates; of different ones the first to end counts."""
    chain = tmp_path / "chain"
    old = ending(ours, "a", NOW).read_bytes()
    new = ending(ours, "b", NOW + timedelta(days=50))
    again = ending(ours, "a", NOW + timedelta(days=400)).read_bytes()
    chain.write_bytes(old + new.read_bytes() + again)

    assert expiry.not_after(chain) == NOW + timedelta(days=50)


def test_files_without_certificates_are_not_spoken_of(ours: Authority, tmp_path: Path) -> None:
    """Keys, empty and missing files are reported by the code that uses them."""
    key = ours.issue_user("mark", force=True).key

    assert expiry.warnings([key, tmp_path / "nothing", tmp_path], NOW) == []


@given(st.binary(max_size=200), st.integers(0, 700))
def test_only_a_certificate_is_read_as_a_certificate(ours: Authority, noise: bytes, at: int) -> None:
    """Whatever stands in a file, it is a date, or a ValueError that says why not."""
    der = bytearray(ours.certificate.public_bytes(Encoding.DER))
    der[at : at + len(noise)] = noise
    file = ours.directory / "noise"
    file.write_text(ssl.DER_cert_to_PEM_cert(bytes(der)))

    try:
        end = expiry.not_after(file)
    except ValueError:
        return
    assert end.tzinfo is UTC


@given(st.datetimes(datetime(1971, 1, 2), datetime(2200, 1, 1)))
@settings(max_examples=25)
def test_the_end_is_read_as_the_library_does(ours: Authority, end: datetime) -> None:
    """Times before 2050 and after are written in two ways."""
    end = end.replace(microsecond=0, tzinfo=UTC)
    key = ca_key(ours)
    made = profiles.sign_authority(key, "CA", Validity(end - timedelta(days=1), end))
    file = ours.directory / "ending.crt"
    file.write_bytes(made.public_bytes(Encoding.PEM))

    assert expiry.not_after(file) == made.not_valid_after_utc == end
