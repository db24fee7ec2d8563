"""A server that means harm: what it answers, how much, how slowly, and where it sends its clients."""

import gzip
import socket
import time
from collections.abc import Callable
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from lgi_protocol.client import Client
from lgi_protocol.credentials import Credentials
from lgi_protocol.errors import ServerError, TransportError
from lgi_protocol.reply import read_answer
from lgi_tools.certificates.ca import Authority, Issued
from tests.support.tls_server import Respond, listening

PATIENCE = 1.0


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The CA of the project."""
    return Authority.create(tmp_path_factory.mktemp("hostile") / "ca")


@pytest.fixture(scope="module")
def localhost(authority: Authority) -> Issued:
    """The server's certificate."""
    return authority.issue_server("localhost")


@pytest.fixture(scope="module")
def mark(authority: Authority) -> Credentials:
    """A user's credentials."""
    issued = authority.issue_user("mark")
    return Credentials(issued.key, issued.certificate, authority.ca_file)


@pytest.fixture
def refusal(authority: Authority, localhost: Issued, mark: Credentials) -> Callable[..., str]:
    """Makes one call to a server that responds so, and gives the reason why there is no answer."""

    def call(respond: Respond, **limits: Any) -> str:
        with listening(localhost, authority.ca_file, respond) as server:
            client = Client(server.url(), mark, **limits)
            with pytest.raises(TransportError) as raised:
                client.post("interfaces/interface_job_state", {"project": "LGI"})
            client.close()
            assert server.encodings == ["identity"]
            return raised.value.reason

    return call


def answer(body: bytes, status: int = 200, **headers: str) -> Respond:
    """A response with a body of a known length."""

    def respond(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return respond


def drip(before: bytes) -> Respond:
    """Send some bytes immediately, and then single bytes for ever."""

    def respond(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(before)
        while True:
            handler.wfile.write(b"a")
            time.sleep(0.1)

    return respond


def test_a_page_that_is_not_lgis_is_reported_with_its_status(refusal: Callable[[Respond], str]) -> None:
    """A web server's error page begins with a document type, which says nothing to a person."""
    assert refusal(answer(b"<!DOCTYPE html><html>gone</html>", 404)) == (
        "the answer is not an LGI document (HTTP 404)"
    )


def test_a_packed_answer_is_never_unpacked(refusal: Callable[[Respond], str]) -> None:
    """A few kilobytes could unpack to any size: nothing packed is asked for, and none is opened."""
    bomb = gzip.compress(b"<LGI> <response> " + bytes(16 * 1024 * 1024) + b" </response> </LGI>")

    assert "not an LGI document" in refusal(answer(bomb, Content_Encoding="gzip"))


def test_an_endless_answer_is_broken_off(refusal: Callable[..., str]) -> None:
    """Memory is bounded, whatever the server sends."""

    def endless(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            handler.wfile.write(bytes(65536))

    assert refusal(endless, max_answer=1024 * 1024) == "the answer is longer than 1048576 bytes"


@pytest.mark.slow
@pytest.mark.parametrize(
    "before",
    [b"", b"HTTP/1.1 200 OK\r\nX-Slow: ", b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n"],
    ids=["status", "header", "body"],
)
def test_an_answer_that_trickles_is_given_up(refusal: Callable[..., str], before: bytes) -> None:
    """Single bytes keep the timeout of the socket from expiring; the whole answer has its own deadline."""
    began = time.monotonic()

    assert refusal(drip(before), answer_seconds=PATIENCE) == "no complete answer within 1 s"

    assert PATIENCE <= time.monotonic() - began < PATIENCE + 60.0


@pytest.mark.slow
def test_an_upload_takes_its_time_but_its_answer_does_not(
    authority: Authority,
    localhost: Issued,
    mark: Credentials,
    tmp_path: Path,
) -> None:
    """With files the clock begins when the answer is waited for."""
    (tmp_path / "file").write_bytes(b"content")

    with listening(localhost, authority.ca_file, drip(b"")) as server:
        client = Client(server.url(), mark, answer_seconds=PATIENCE)
        with pytest.raises(TransportError, match="no complete answer within 1 s"):
            client.post("interfaces/interface_submit_job", {"project": "LGI"}, (tmp_path / "file",))


def test_an_answer_read_whole_leaves_the_connection_for_the_next(
    authority: Authority, localhost: Issued, mark: Credentials
) -> None:
    """Bounded reading costs no handshakes."""
    with listening(localhost, authority.ca_file) as server:
        client = Client(server.url(), mark)
        for _ in range(3):
            client.post("interfaces/interface_job_state", {"project": "LGI"})
        client.close()

    assert server.handshakes == 1


@pytest.mark.parametrize("scheme", ["http", "HTTP", "ftp", "file"])
def test_a_server_without_tls_is_sent_nothing(mark: Credentials, scheme: str) -> None:
    """A sign-up answer can name any URL; one that proves nothing gets no connection at all."""
    with socket.create_server(("127.0.0.1", 0)) as plain:
        plain.settimeout(0.2)
        client = Client(f"{scheme}://127.0.0.1:{plain.getsockname()[1]}/LGI", mark)

        with pytest.raises(TransportError, match="begins with https://"):
            client.post("resources/resource_signup_resource", {"project": "LGI"})
        with pytest.raises(TimeoutError):
            plain.accept()


def test_a_session_speaks_nothing_but_tls(mark: Credentials) -> None:
    """Not even when a program hands it another URL."""
    for check_host in (True, False):
        assert list(replace(mark, check_host=check_host).session().adapters) == ["https://"]


@pytest.mark.parametrize(("asked", "kept"), [("9" * 400, 3600), ("3601", 3600), ("3600", 3600), ("1", 1)])
def test_a_server_cannot_ask_for_a_pause_without_end(asked: str, kept: int) -> None:
    """A number of 400 digits is not accepted as seconds, and no client waits for ever."""
    inside = f"<error> <number> 1 </number> <message> busy </message> <timeout> {asked} </timeout> </error>"

    with pytest.raises(ServerError) as raised:
        read_answer(f"<LGI> <response> {inside} </response> </LGI>")

    assert raised.value.timeout == kept
    assert raised.value.timeout * 1.5 < 6000.0
