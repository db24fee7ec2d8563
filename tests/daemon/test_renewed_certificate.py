"""A daemon whose certificate is about to end, and is renewed while it runs."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lgi_daemon.servers.certificate_reload import CertificateReloader
from lgi_daemon.servers.clock import Clock
from lgi_daemon.servers.connections import ServerConnections, connector, fingerprint
from lgi_protocol.credentials import Credentials
from lgi_tools.certificates.ca import Authority, Issued

# Before any certificate of these tests is issued, also on a machine that issues it within the same second.
NOW = datetime.now(UTC) - timedelta(minutes=1)
DAY = 24 * 3600.0


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """The project's."""
    return Authority.create(tmp_path / "ca")


def credentials(authority: Authority, issued: Issued) -> Credentials:
    return Credentials(issued.key, issued.certificate, authority.ca_file)


def looking(credentials: Credentials, clock: Clock) -> tuple[CertificateReloader, ServerConnections]:
    """A reload of credentials whose calendar follows the clock of the test."""
    servers = ServerConnections(connector(credentials), clock)
    return CertificateReloader(credentials, servers, lambda: NOW + timedelta(seconds=clock.now)), servers


def test_the_log_says_once_a_day_that_a_certificate_ends(
    authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    """It does so from thirty days before the expiry on, and after it."""
    issued = authority.issue_resource("laptop@test", days=32)
    clock = Clock()
    certificates, _ = looking(credentials(authority, issued), clock)

    for hour in range(24 * 34):
        clock.now = hour * 3600.0
        certificates.tick(clock.now)

    texts = [record.getMessage() for record in caplog.records]
    assert len(texts) == 31
    assert "(in 29 days): renew it" in texts[0]
    assert "expired on" in texts[-1]


def test_a_renewed_certificate_is_used_and_warned_of_no_more(
    authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    """The log says so; jobs are given certificates that fit it."""
    caplog.set_level("INFO")
    old = authority.issue_resource("laptop@test", days=10)
    new = authority.issue_resource("other@test", days=100)
    clock = Clock()
    used = credentials(authority, old)
    certificates, servers = looking(used, clock)
    certificates.tick(0.0)
    before = servers.certificate_fingerprint

    new.certificate.replace(old.certificate)
    certificates.tick(60.0)
    between = servers.certificate_fingerprint
    new.key.replace(old.key)
    for later in (120.0, DAY * 2, DAY * 4):
        clock.now = later
        certificates.tick(later)

    texts = [record.getMessage() for record in caplog.records]
    assert "expires on" in texts[0]
    assert "keeping the old certificate" in texts[1]
    assert texts[2:] == [f"now using the renewed certificate {old.certificate}"]
    assert between == before
    assert servers.certificate_fingerprint == fingerprint(used) != before
