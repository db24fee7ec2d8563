"""A certificate in a header: whose word is believed, and whose is not."""

import base64
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from lgi_protocol.errors import ServerError
from lgi_protocol.reply import read_answer
from lgi_server.auth.trusted_proxy import SECRET_HEADER
from lgi_tools.certificates.ca import Authority
from tests.support import certificates
from tests.support.front_ends import HEADER
from tests.support.grid import Grid

pytestmark = pytest.mark.one_database

SECRET = "correct horse battery staple and more"
FIELDS = {"project": "LGI", "user": "mark@laptop", "groups": "theor"}


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Grid]:
    """A server without TLS of its own on a port, for a front end that knows the secret."""
    secret = tmp_path_factory.mktemp("secret") / "secret"
    secret.touch(0o600)
    secret.write_text(SECRET + "\n")
    made = Grid(settings={"front_end_header": HEADER, "front_end_secret": str(secret)})
    try:
        revoke(made, "lost@laptop")
        made.start()
        made.clear()
        yield made
    finally:
        made.remove()


def pem_of(grid: Grid, name: str = "mark@laptop") -> bytes:
    """A user's certificate."""
    return grid.people.user(name, ("theor", "cyttron")).certificate.read_bytes()


def revoke(grid: Grid, user: str) -> None:
    """Put a user's certificate on the list, before the server reads it."""
    serial = x509.load_pem_x509_certificate(pem_of(grid, user)).serial_number
    certificates.revoke(grid.people.authority, serial)


def ask(grid: Grid, headers: dict[str, str], user: str = "mark@laptop") -> int:
    """The error number of a list of jobs, asked for with some headers; 0 when it is answered."""
    url = f"http://127.0.0.1:{grid.port}/LGI/interfaces/interface_job_state.php"
    answer = requests.post(url, FIELDS | {"user": user}, headers=headers, timeout=60)
    try:
        read_answer(answer.text)
    except ServerError as error:
        return error.number
    return 0


def escaped(pem: bytes) -> str:
    """As nginx and Apache write a certificate into a header."""
    return quote(pem, safe="")


def in_base64(pem: bytes) -> str:
    """As haproxy writes one."""
    return base64.b64encode(x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER)).decode()


@pytest.mark.parametrize("written", [escaped, in_base64], ids=["percent signs", "base64"])
def test_a_front_end_with_the_secret_says_who_calls(behind: Grid, written: Callable[[bytes], str]) -> None:
    """The caller is the owner of the certificate in the header."""
    headers = {HEADER: written(pem_of(behind)), SECRET_HEADER: SECRET}

    assert ask(behind, headers) == 0
    assert ask(behind, headers, user="frank@desk") != 0


@pytest.mark.parametrize("secret", [None, "", SECRET[:-1], SECRET + "x", SECRET.upper(), "\xe9" * 40])
def test_a_header_without_the_secret_is_worth_nothing(behind: Grid, secret: str | None) -> None:
    """A client that bypasses the front end gets error 2, also with a valid certificate in the header."""
    headers = {HEADER: escaped(pem_of(behind))} | ({} if secret is None else {SECRET_HEADER: secret})

    assert ask(behind, headers) == 2


def test_a_certificate_of_another_authority_is_refused_behind_a_front_end_too(
    behind: Grid, tmp_path: Path
) -> None:
    """The server verifies the signature itself, in case the front end does not."""
    strange = Authority.create(tmp_path / "ca").issue_user("mark@laptop", ("theor",), force=True)

    assert ask(behind, {HEADER: escaped(strange.certificate.read_bytes()), SECRET_HEADER: SECRET}) == 2


def test_the_certificate_of_a_web_server_is_no_clients(behind: Grid) -> None:
    """Signed by the project's CA, but for a server: its key is on other machines."""
    server = (behind.people.authority.directory / "localhost.crt").read_bytes()

    assert ask(behind, {HEADER: escaped(server), SECRET_HEADER: SECRET}) == 2


@pytest.mark.parametrize("text", ["", "%", "AAAA", "-----BEGIN CERTIFICATE-----", "%2D" * 4000, "A" * 8000])
def test_a_header_that_holds_no_certificate_is_error_2(behind: Grid, text: str) -> None:
    """No text in it is an internal error, or anybody's name."""
    assert ask(behind, {HEADER: text, SECRET_HEADER: SECRET}) == 2


def test_two_headers_are_not_one_certificate(behind: Grid) -> None:
    """A front end that does not remove the client's own header makes both invalid."""
    pem = escaped(pem_of(behind))
    lines = f"{HEADER}: {pem}\r\n{HEADER}: {pem}\r\n{SECRET_HEADER}: {SECRET}\r\n"
    body = "project=LGI&user=mark%40laptop&groups=theor"
    head = "POST /LGI/interfaces/interface_job_state.php HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    form = f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n"

    with socket.create_connection(("127.0.0.1", behind.port), 60) as connection:
        connection.sendall(f"{head}{form}{lines}\r\n{body}".encode())
        answer = b"".join(iter(lambda: connection.recv(65536), b"")).decode()

    assert "<number> 2 </number>" in answer


NAMES = ["SCRIPT_NAME", "PATH_INFO", "X-Forwarded-Proto", "X-Forwarded-Prefix", "X-Forwarded-Ssl"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", ["/LGI", "/elsewhere", "https", "off"])
def test_a_header_of_a_client_moves_no_path(behind: Grid, name: str, value: str) -> None:
    """What a front end lets pass is the client's word: a call stays where a filter of paths has seen it."""
    headers = {HEADER: escaped(pem_of(behind)), SECRET_HEADER: SECRET, name: value}

    assert ask(behind, headers) == 0


def test_a_header_with_an_underscore_is_not_one_with_a_hyphen(behind: Grid) -> None:
    """They differ for web servers, so a client could send the former through a front end."""
    headers = {HEADER.replace("-", "_"): escaped(pem_of(behind)), SECRET_HEADER: SECRET}

    assert ask(behind, headers) == 2


@pytest.mark.slow
def test_a_revoked_certificate_is_refused_behind_a_front_end_too(behind: Grid) -> None:
    """The front end needs no revocation list: the server has it."""
    headers = {HEADER: escaped(pem_of(behind, "lost@laptop")), SECRET_HEADER: SECRET}

    assert ask(behind, headers, user="lost@laptop") == 2


def test_a_server_that_speaks_tls_reads_no_header(grid: Grid) -> None:
    """Where no front end is configured, its headers are a client's own words."""
    session = requests.Session()
    session.trust_env = False
    session.verify = str(grid.people.authority.ca_file)
    session.headers.update({HEADER: escaped(pem_of(grid)), SECRET_HEADER: SECRET})

    answer = session.post(f"{grid.url}/interfaces/interface_job_state.php", FIELDS)

    assert "<number> 2 </number>" in answer.text
