"""A project server whose own certificate is renewed while it runs."""

import shutil
import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from lgi_protocol.errors import TransportError
from lgi_server.serving.tls_reload import CertificateReloader
from lgi_tools.certificates.ca import Authority, Issued, read_certificate
from tests.support.grid import Grid, wait_for

pytestmark = pytest.mark.one_database


@pytest.fixture(scope="module")
def server() -> Iterator[Grid]:
    """A server of its own, whose certificate is replaced again and again."""
    made = Grid()
    made.start()
    yield made
    made.remove()


def renewed(grid: Grid) -> Issued:
    """A new certificate and key of the server, not yet where it looks for them."""
    elsewhere = grid.directory / "elsewhere"
    shutil.rmtree(elsewhere, ignore_errors=True)
    shutil.copytree(grid.people.authority.directory, elsewhere)
    return Authority.open(elsewhere).issue_server("localhost", ("127.0.0.1",), force=True)


def connect(
    grid: Grid, session: ssl.SSLSession | None = None, tls: ssl.SSLContext | None = None
) -> ssl.SSLSocket:
    """Open a connection without a client certificate."""
    context = tls or ssl.create_default_context(cafile=grid.people.authority.ca_file)
    plain = socket.create_connection(("127.0.0.1", grid.port))
    return context.wrap_socket(plain, server_hostname="localhost", session=session)


def shown(grid: Grid) -> int:
    """The serial number of the certificate the server shows now."""
    with connect(grid) as connection:
        der = connection.getpeercert(binary_form=True)
    assert der
    return x509.load_der_x509_certificate(der).serial_number


def renew(grid: Grid) -> None:
    """Put a new certificate and key in place, and return when every worker shows it."""
    new = renewed(grid)
    for file in (new.key, new.certificate):
        file.replace(grid.people.authority.directory / file.name)
    wanted = read_certificate(grid.people.authority.directory / "localhost.crt").serial_number
    wait_for(lambda: shows(grid, wanted), 60)


def shows(grid: Grid, number: int) -> bool:
    """Whether each of several connections, and so each worker, shows a certificate."""
    return all(shown(grid) == number for _ in range(8))


@pytest.mark.slow
def test_a_renewed_certificate_is_shown_without_a_restart(server: Grid) -> None:
    """New key and all, by every worker; connections and sessions of before go on."""
    user = server.user()
    user.post("interface_project_server_list")
    context = ssl.create_default_context(cafile=server.people.authority.ca_file)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with connect(server, tls=context) as before:
        session = before.session

    renew(server)

    pools = user.client.session.get_adapter(server.url).poolmanager.pools  # type: ignore[attr-defined]
    user.post("interface_project_server_list")
    (pool,) = [pools.get(key) for key in pools.keys()]  # noqa: SIM118 - urllib3's container is no dict
    assert (pool.num_connections, pool.num_requests) == (1, 2)
    for _ in range(8):
        with connect(server, session, context) as again:
            assert again.session_reused


@pytest.mark.slow
def test_a_client_certificate_is_still_asked_for(server: Grid) -> None:
    """The new context trusts the project's CA only, as the old one."""
    renew(server)
    other = Authority.create(server.directory / "other-ca").issue_user("mark@laptop")

    assert server.user().post("interface_project_server_list").value("project") == "LGI"
    with pytest.raises(TransportError):
        server.client(other).post("interfaces/interface_job_state", {})


@pytest.mark.slow
def test_files_that_do_not_fit_leave_the_old_certificate(server: Grid) -> None:
    """A certificate whose key is not there yet changes nothing, and the log says so."""
    before = shown(server)
    ours = server.people.authority.directory / "localhost.crt"
    kept = ours.read_bytes()
    renewed(server).certificate.replace(ours)

    wait_for(lambda: server.log.read_text().count("keeping the old certificate") >= 2, 60)

    assert shows(server, before)
    ours.write_bytes(kept)


@pytest.mark.slow
def test_the_log_says_once_a_day_what_ends(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """From thirty days before the end on."""
    authority = Authority.create(tmp_path / "ca")
    issued = authority.issue_server("localhost", days=40)
    # Some time after it was made, however long that took.
    now = datetime.now(UTC) + timedelta(minutes=1)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    renewal = CertificateReloader(context, (issued.certificate, issued.key), lambda: context)

    for hours in (0, 1, 24 * 11, 24 * 11 + 1, 24 * 12 + 1):
        renewal.look(now + timedelta(hours=hours))

    texts = [record.getMessage() for record in caplog.records]
    assert [text.partition(" expires on ")[0] for text in texts] == [
        f"the certificate {issued.certificate}"
    ] * 2
    assert "(in 28 days)" in texts[0]
