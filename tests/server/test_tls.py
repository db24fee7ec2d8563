"""Mutual TLS: which clients complete a handshake, which get error 2, and which are closed."""

import socket
import ssl
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import requests

from lgi_protocol.errors import ServerError, TransportError
from lgi_protocol.reply import read_answer
from lgi_tools.certificates.ca import Authority, Issued, read_certificate
from lgi_tools.certificates.profiles import Validity
from tests.support import certificates
from tests.support.grid import Grid, refusal, running

pytestmark = pytest.mark.one_database

PRIVATE = [
    "/interfaces/interface_job_state.php",
    "/interfaces/interface_submit_job",
    "/resources/resource_signup_resource.php",
    "/resources/resource_job_state",
    "/no_such_page",
    "/basic_interface/index.php",
]


@pytest.fixture(scope="module")
def server() -> Iterator[Grid]:
    """A server of its own: these tests wear it out."""
    made = Grid(settings={"handshake_timeout": "3"})
    made.start()
    yield made
    made.remove()


def anonymous(grid: Grid) -> requests.Session:
    """A client without a certificate."""
    session = requests.Session()
    session.trust_env = False
    session.verify = str(grid.people.authority.ca_file)
    return session


@pytest.mark.parametrize("path", PRIVATE)
def test_every_call_and_page_is_error_2_without_a_certificate(server: Grid, path: str) -> None:
    """Identity is the verified client certificate and nothing else (wire.md 1)."""
    answer = anonymous(server).post(server.url + path, data={"project": "LGI"})

    with pytest.raises(ServerError) as refused:
        read_answer(answer.text)
    assert refused.value.number == 2


@pytest.mark.parametrize("method", ["OPTIONS", "HEAD", "PUT", "DELETE", "PATCH", "TRACE"])
@pytest.mark.parametrize("path", PRIVATE)
def test_no_method_gets_past_the_certificate(server: Grid, path: str, method: str) -> None:
    """Every method and address gets only error 2 without a certificate."""
    answer = anonymous(server).request(method, server.url + path)

    assert "Allow" not in answer.headers
    assert answer.text == "" if method == "HEAD" else "<number> 2 </number>" in answer.text


def test_no_repository_is_shown_without_a_certificate(server: Grid) -> None:
    """Neither a listing nor a file: 403."""
    base = f"{server.url}/repository"

    statuses = [
        anonymous(server).get(f"{base}/repository_content.php?repository=JOB_{'0' * 32}").status_code,
        anonymous(server).get(f"{base}/000/JOB_{'0' * 32}/x").status_code,
        anonymous(server).put(f"{base}/000/JOB_{'0' * 32}/x", data=b"x").status_code,
    ]

    assert statuses == [403, 403, 403]


@pytest.mark.parametrize("path", ["", "/", "/certificates/ca.crt", "/certificates/ca.crl"])
def test_the_landing_page_the_ca_and_the_crl_are_public(server: Grid, path: str) -> None:
    """Public at most: the landing page, the CA certificate and the CRL."""
    answer = anonymous(server).get(server.url + path)

    assert answer.status_code == 200
    assert answer.text.startswith(("<!doctype html>", "-----BEGIN"))


def test_a_certificate_of_another_ca_gets_no_handshake(server: Grid) -> None:
    """The connection ends before a request is read."""
    other = Authority.create(server.directory / "other-ca").issue_user("mark@laptop")
    client = server.client(other)

    with pytest.raises(TransportError):
        client.post("interfaces/interface_job_state", {})


def test_an_expired_certificate_gets_no_handshake(server: Grid) -> None:
    """Nor does one that is not valid yet; the client gets the reason."""
    now = datetime.now(UTC)
    authority = server.people.authority
    past = Validity(now - timedelta(days=2), now - timedelta(days=1))
    future = Validity(now + timedelta(days=1), now + timedelta(days=2))

    for number, validity in enumerate((past, future)):
        issued = authority.issue_user(f"late{number}@laptop", validity=validity)
        with pytest.raises(TransportError, match=("renew the client", "not yet valid by the server")[number]):
            server.client(issued).post("interfaces/interface_job_state", {})


def test_a_servers_certificate_is_no_clients(server: Grid) -> None:
    """serverAuth is not clientAuth."""
    authority = server.people.authority
    issued = authority.issue_server("elsewhere.example.org")

    with pytest.raises(TransportError):
        server.client(issued).post("interfaces/interface_job_state", {})


@pytest.mark.parametrize("name", ["any", "a; b; c; d", "a;;LGI", "admin", "admin; x; any"])
def test_a_common_name_that_names_nobody_is_error_2(server: Grid, name: str) -> None:
    """Ruling 3: no identity is called any or has an empty or a fourth field."""
    issued = odd_certificate(server, name)

    with pytest.raises(ServerError) as refused:
        server.client(issued).post("interfaces/interface_job_state", {})

    assert refused.value.number == 2


def odd_certificate(grid: Grid, name: str) -> Issued:
    """A certificate with a common name our own tool would not make."""
    authority = grid.people.authority
    return certificates.odd_certificate(authority, name)


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_tls_1_1_is_refused(server: Grid) -> None:
    """TLS 1.2 or newer."""
    context = ssl.create_default_context(cafile=str(server.people.authority.ca_file))
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_1

    with (
        socket.create_connection(("127.0.0.1", server.port)) as plain,
        pytest.raises((ssl.SSLError, ConnectionResetError)),
    ):
        context.wrap_socket(plain, server_hostname="localhost")


# What OpenSSL 1.0.1 of 2012 offers, and what it offered first.
OLD_CIPHERS = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256"
CBC_CIPHERS = "ECDHE-ECDSA-AES256-SHA:ECDHE-RSA-AES256-SHA:ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES128-SHA"


def cipher_of(grid: Grid, ciphers: str) -> str:
    """The cipher that is agreed on with a client of TLS 1.2 that offers some; empty when it is refused."""
    context = grid.people.credentials(grid.people.user("mark@laptop", ("theor",))).context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(ciphers)
    try:
        with connect(grid, context, None) as connection:
            cipher = connection.cipher()
    except OSError:
        return ""
    return cipher[0] if cipher else ""


def test_programs_of_2012_agree_on_a_cipher(server: Grid) -> None:
    """TLS 1.2 came with OpenSSL 1.0.1, and AES in Galois/Counter Mode with it."""
    assert cipher_of(server, f"{CBC_CIPHERS}:{OLD_CIPHERS}") == OLD_CIPHERS.partition(":")[0]


def test_ciphers_with_sha_1_can_be_set() -> None:
    """Some old programs have no others."""
    settings = {"tls_ciphers": f"ECDHE+AESGCM:{CBC_CIPHERS}", "workers": "1"}
    with running(Grid(settings=settings), cleared=False) as lax:
        assert cipher_of(lax, CBC_CIPHERS) == CBC_CIPHERS.partition(":")[0]


def test_a_server_refuses_ciphers_with_sha_1(server: Grid) -> None:
    """They use CBC mode, which has known weaknesses."""
    assert cipher_of(server, CBC_CIPHERS) == ""


@pytest.mark.parametrize("path", ["/", "/static/lgi.css", "/certificates/ca.crt", "/repository/x", *PRIVATE])
def test_every_answer_keeps_a_browser_to_https(server: Grid, path: str) -> None:
    """The header is valid for a year, so that no later visit uses http, which could be intercepted."""
    answer = anonymous(server).get(server.url + path)

    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"


def test_sessions_are_resumed_by_every_worker(server: Grid) -> None:
    """One TLS context is made before the fork: a ticket of one worker is good for all of them."""
    credentials = server.people.credentials(server.people.user("mark@laptop", ("theor",)))
    context = credentials.context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    first = connect(server, context, None)
    session = first.session
    first.close()

    again = [connect(server, context, session) for _ in range(12)]

    assert all(connection.session_reused for connection in again)
    for connection in again:
        connection.close()


def connect(grid: Grid, context: ssl.SSLContext, session: ssl.SSLSession | None) -> ssl.SSLSocket:
    """A handshaken connection."""
    plain = socket.create_connection(("127.0.0.1", grid.port))
    return context.wrap_socket(plain, server_hostname="localhost", session=session)


def test_300_half_open_handshakes_do_not_delay_a_good_client(server: Grid) -> None:
    """Each half-open handshake costs a greenlet, no worker: a good client is answered at once."""
    half_open = []
    for _ in range(300):
        connection = socket.create_connection(("127.0.0.1", server.port))
        connection.sendall(b"\x16")
        half_open.append(connection)

    times = []
    for _ in range(5):
        client = server.user().client
        start = time.monotonic()
        client.post("interfaces/interface_project_server_list", {"user": "mark@laptop", "groups": "theor"})
        times.append(time.monotonic() - start)
        client.close()

    for connection in half_open:
        connection.close()
    # One that waited for them would take as long as all of them together may.
    assert min(times) < 2.0
    assert max(times) < 20.0


def test_a_handshake_that_takes_too_long_is_ended(server: Grid) -> None:
    """After handshake_timeout seconds the server closes the connection."""
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(b"\x16\x03\x01")
        connection.settimeout(60)

        assert connection.recv(100) == b""


def test_a_connection_is_kept_for_many_calls(server: Grid) -> None:
    """Keep-alive: ten calls, one handshake."""
    client = server.user().client
    for _ in range(10):
        client.post("interfaces/interface_project_server_list", {"user": "mark@laptop", "groups": "theor"})

    pools = client.session.get_adapter(server.url).poolmanager.pools  # type: ignore[attr-defined]
    (pool,) = [pools.get(key) for key in pools.keys()]  # noqa: SIM118 - urllib3's container is no dict
    assert (pool.num_connections, pool.num_requests) == (1, 10)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
def test_the_end_of_a_connection_is_told_within_tls(server: Grid, version: ssl.TLSVersion) -> None:
    """Otherwise it could have been cut by anybody, and newer libraries resume no session of it."""
    context = ssl.create_default_context(cafile=str(server.people.authority.ca_file))
    context.minimum_version = context.maximum_version = version
    context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF
    plain = socket.create_connection(("127.0.0.1", server.port))
    received = b""
    with context.wrap_socket(plain, server_hostname="localhost", suppress_ragged_eofs=False) as connection:
        connection.settimeout(60)
        connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        while block := connection.recv(65536):
            received += block

    assert received.startswith(b"HTTP/1.1 200")
    assert received.rstrip().endswith(b"</LGI>")


def test_a_revoked_certificate_is_error_2_without_a_restart(server: Grid) -> None:
    """Ruling 6: a CRL, when configured, is obeyed and reloaded while running."""
    issued = server.people.authority.issue_user("eve@laptop", ("theor",))
    client = server.client(issued)
    fields = {"user": "eve@laptop", "groups": "theor"}
    client.post("interfaces/interface_project_server_list", fields)

    serial = read_certificate(issued.certificate).serial_number
    certificates.revoke(server.people.authority, serial)

    assert refusal(lambda: client.post("interfaces/interface_project_server_list", fields)) == 2


def test_a_token_ends_with_the_certificate_that_made_it(server: Grid) -> None:
    """Whoever revokes a certificate need not look for its tokens."""
    issued = server.people.authority.issue_user("tom@laptop", ("theor",))
    fields = {"user": "tom@laptop", "groups": "theor"}
    made = server.client(issued).post("interfaces/interface_create_token", fields)
    token = {"Authorization": f"Bearer {made.value('token', 'token_text')}"}
    url = f"{server.url}/api/v1/me"

    with anonymous(server) as session:
        before = session.get(url, headers=token)
        certificates.revoke(server.people.authority, read_certificate(issued.certificate).serial_number)
        after = session.get(url, headers=token)

    assert before.json()["user"] == "tom@laptop"
    assert after.status_code == 401
    assert "the certificate that made it has been revoked" in after.json()["detail"]


def test_one_line_demands_certificates_in_the_handshake() -> None:
    """require_certificate = true: no certificate, no connection, not even for the landing page."""
    grid = Grid(settings={"require_certificate": "true"})
    try:
        grid.start()

        with pytest.raises(requests.exceptions.ConnectionError):
            anonymous(grid).get(f"{grid.url}/")
        assert grid.user().post("interface_project_server_list").value("project") == "LGI"
    finally:
        grid.remove()
