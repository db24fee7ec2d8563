"""The list of revoked certificates while a server runs: whatever becomes of its file, it is obeyed."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from lgi_server.auth.crl import CHECK_SECONDS, Revocation
from lgi_tools.certificates.ca import Authority

NOW = datetime.now(UTC)
START = NOW.timestamp()
DAY = 86_400.0


def write_list(file: Path, authority: Path, serials: tuple[int, ...], days: int = 30) -> None:
    """A revocation list of an authority that is to be replaced after so many days."""
    key = load_pem_private_key((authority / "ca.key").read_bytes(), None)
    issuer = x509.load_pem_x509_certificate((authority / "ca.crt").read_bytes())
    made = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.subject)
        .last_update(NOW - timedelta(days=60))
        .next_update(NOW + timedelta(days=days))
    )
    for serial in serials:
        revoked = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(NOW).build()
        made = made.add_revoked_certificate(revoked)
    file.write_bytes(made.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM))  # type: ignore[arg-type]


@pytest.fixture
def authority(tmp_path: Path) -> Path:
    """The directory of an authority."""
    return Authority.create(tmp_path / "ca").directory


@pytest.fixture
def file(tmp_path: Path, authority: Path) -> Path:
    """A list on which 7 stands."""
    write_list(tmp_path / "crl", authority, (7,))
    return tmp_path / "crl"


def later(number: int) -> float:
    """When the file is looked at again for the so-manieth time."""
    return START + number * (CHECK_SECONDS + 1)


def test_a_server_does_not_start_without_its_list(file: Path, authority: Path, tmp_path: Path) -> None:
    """Configured and missing, damaged, or signed by another authority of the same name."""
    other = Authority.create(tmp_path / "other").directory
    write_list(tmp_path / "forged", other, ())
    (tmp_path / "damaged").write_bytes(file.read_bytes()[:-40])

    for name in ("missing", "damaged", "forged"):
        with pytest.raises((OSError, ValueError)):
            Revocation(tmp_path / name, authority / "ca.crt")


def test_a_list_that_cannot_be_used_leaves_the_old_one_in_force(
    file: Path, authority: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Otherwise a damaged file would admit revoked certificates. The log has the error."""
    revocation = Revocation(file, authority / "ca.crt")
    good = file.read_bytes()

    for number, damage in enumerate(
        (
            lambda: file.unlink(),
            lambda: file.write_bytes(b""),
            lambda: file.write_bytes(good[:-40]),
            lambda: write_list(file, Authority.create(tmp_path / "other").directory, ()),
        )
    ):
        caplog.clear()
        damage()
        assert revocation.is_revoked(7, later(number))
        assert f"keeping the old revocation list: cannot use {file}" in caplog.text
    write_list(file, authority, (8,))

    assert [revocation.is_revoked(serial, later(9)) for serial in (7, 8)] == [False, True]


def test_a_list_that_is_overdue_is_obeyed_and_spoken_of_once_a_day(
    file: Path, authority: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Refusing everybody would stop the project; the log says that a newer list is missing."""
    revocation = Revocation(file, authority / "ca.crt")
    revocation.is_revoked(7, START + 29 * DAY)
    early = caplog.text

    assert all(revocation.is_revoked(7, START + 31 * DAY + 600 * number) for number in range(3))
    overdue = [one.getMessage() for one in caplog.records]
    revocation.is_revoked(7, START + 33 * DAY)

    assert early == ""
    assert len(overdue) == 1
    assert f"{file} should have been replaced on {NOW + timedelta(days=30):%Y-%m-%d}" in overdue[0]
    assert len(caplog.records) == 2
