"""The connections of calls: kept, replaced when they were closed, and no half answer is a whole one."""

import socket
import ssl
import subprocess
import sys
from collections.abc import Callable
from http.client import IncompleteRead
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import urlencode

import pytest

from lgi_protocol.credentials import Credentials
from lgi_protocol.https_pool import HttpRequest, HttpsPool, NotConnectedError, form_of, is_plain
from lgi_tools.certificates.ca import Authority
from tests.support.tls_server import Listening, listening

LIMIT = 1_000_000
Respond = Callable[[BaseHTTPRequestHandler], None]


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The CA of our project."""
    return Authority.create(tmp_path_factory.mktemp("ours") / "ca")


@pytest.fixture(scope="module")
def context(ours: Authority) -> ssl.SSLContext:
    """That of a user."""
    issued = ours.issue_user("mark@laptop")
    return Credentials(issued.key, issued.certificate, ours.ca_file).context()


def post(pool: HttpsPool, server: Listening, body: bytes = b"a=1") -> str:
    """The text of an answer."""
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    return pool.exchange(HttpRequest("POST", f"{server.url()}/x?y=1", body, headers), LIMIT).text


def answers(
    respond: Respond, ours: Authority, context: ssl.SSLContext, times: int = 1
) -> tuple[list[str], int]:
    """The answers of a server that responds so, and the number of connections."""
    issued, pool = ours.issue_server("localhost", force=True), HttpsPool(context)
    with listening(issued, ours.ca_file, respond) as server:
        try:
            return [post(pool, server) for _ in range(times)], server.handshakes
        finally:
            pool.close()


def sends(*parts: bytes) -> Respond:
    """Answers with these bytes, and closes the connection after them."""
    return lambda handler: handler.wfile.write(b"".join(parts))


def test_a_connection_is_used_again(ours: Authority, context: ssl.SSLContext) -> None:
    """As long as the server keeps it."""
    pool = HttpsPool(context)
    with listening(ours.issue_server("localhost", force=True), ours.ca_file) as server:
        texts = [post(pool, server) for _ in range(3)]
        pool.close()

        assert all(text.startswith("<LGI>") for text in texts)
        assert server.handshakes == 1
        assert server.bodies == [b"a=1"] * 3


def test_a_connection_that_dies_without_a_sign_is_lost_before_a_held_call_would_end(
    ours: Authority, context: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A firewall or a machine that is gone closes nothing: only probes of the system notice it."""
    options: list[int] = []
    wrap = ssl.SSLContext.wrap_socket

    def look(made: ssl.SSLContext, plain: socket.socket, **more: Any) -> ssl.SSLSocket:
        # The server of the test is in the same process.
        if not more.get("server_side"):
            names = (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
            options.append(plain.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE))
            options.extend(plain.getsockopt(socket.IPPROTO_TCP, name) for name in names)
        return wrap(made, plain, **more)

    monkeypatch.setattr(ssl.SSLContext, "wrap_socket", look)
    assert answers(sends(b"HTTP/1.0 200 OK\r\n\r\ntext"), ours, context) == (["text"], 1)

    is_on, idle, interval, count = options
    assert is_on
    # A server holds an exchange of a daemon for 40 s.
    assert idle + interval * count < 40


def test_a_connection_that_the_server_has_closed_is_not_used(
    ours: Authority, context: ssl.SSLContext
) -> None:
    """Nothing was sent on it, so nothing is lost and nothing sent twice."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        # The end of the connection goes in one packet with the answer, so that it cannot be late.
        handler.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ntext")
        socket.socket.shutdown(handler.connection, socket.SHUT_WR)

    assert answers(answer, ours, context, times=3) == (["text"] * 3, 3)


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nte\r\n2\r\nxt\r\n0\r\n\r\n",
        b"HTTP/1.0 200 OK\r\n\r\ntext",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ntext",
    ],
)
def test_each_way_to_end_an_answer_is_understood(
    ours: Authority, context: ssl.SSLContext, head: bytes
) -> None:
    """In pieces, by the end of the connection, and after a provisional one."""
    assert answers(sends(head), ours, context)[0] == ["text"]


@pytest.mark.parametrize(
    "part",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\ntext",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\ntext\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\ntext",
    ],
)
def test_an_answer_that_is_cut_is_none(ours: Authority, context: ssl.SSLContext, part: bytes) -> None:
    """Also where the part that came could be taken for the whole."""
    with pytest.raises(IncompleteRead):
        answers(sends(part), ours, context)


def test_an_answer_that_is_too_long_is_not_read_to_its_end(ours: Authority, context: ssl.SSLContext) -> None:
    """The limit holds whatever the headers promise."""
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n"

    with pytest.raises(ValueError, match="longer than 1000000 bytes"):
        answers(sends(head, b"x" * 2_000_000), ours, context)


def test_a_server_that_is_not_there_is_told_from_one_that_was_lost(context: ssl.SSLContext) -> None:
    """Nothing can have been sent to it."""
    pool = HttpsPool(context)

    with pytest.raises(NotConnectedError) as caught:
        pool.exchange(HttpRequest("POST", "https://localhost:1/LGI", b"", {}), LIMIT)

    assert isinstance(caught.value.__cause__, ConnectionRefusedError)


def test_the_name_of_the_server_is_compared(ours: Authority, context: ssl.SSLContext) -> None:
    """With its certificate, also on a connection that was not the first one."""
    pool = HttpsPool(context)
    with listening(ours.issue_server("localhost", force=True), ours.ca_file) as server:
        post(pool, server)
        with pytest.raises(ssl.SSLCertVerificationError):
            pool.exchange(HttpRequest("POST", server.url("127.0.0.1"), b"", {}), LIMIT)
        pool.close()


@pytest.mark.parametrize(
    ("url", "plain"),
    [
        ("https://lgi.example.org/LGI/a.php", True),
        ("https://[::1]:8443/LGI", True),
        ("https://user:word@x/LGI", False),
        ("https://x/a b", False),
        ("https://x/\u00e9", False),
        ("https://x/a\r\nHost: y", False),
        ("https://x/#part", False),
        ("https://:8443/LGI", False),
        ("https://x:port/LGI", False),
    ],
)
def test_odd_addresses_are_left_to_requests(url: str, plain: bool) -> None:
    """Those that need escapes, and those that are no addresses."""
    assert is_plain(url) is plain


def test_a_call_loads_nothing_for_files_and_proxies(ours: Authority) -> None:
    """The library for them takes more processor time than a call."""
    issued = ours.issue_user("mark@laptop", force=True)
    files = [str(path) for path in (issued.key, issued.certificate, ours.ca_file)]
    with listening(ours.issue_server("localhost", force=True), ours.ca_file) as server:
        program = (
            "from pathlib import Path\n"
            "from lgi_protocol.client import Client\n"
            "from lgi_protocol.credentials import Credentials\n"
            f"files = [Path(name) for name in {files}]\n"
            f"Client({server.url()!r}, Credentials(*files), direct=True).post('x', {{'a': 'b'}})\n"
        )
        program += "import sys; print(*sys.modules)"
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        loaded = set(done.stdout.split())

    assert "http.client" in loaded
    assert not loaded & {"requests", "urllib3", "requests_toolbelt", "lxml", "cryptography"}


def test_a_call_without_an_answer_loads_them_neither(ours: Authority) -> None:
    """A daemon cuts off the calls that a server holds, again and again; they would take 10 MB of it."""
    issued = ours.issue_user("mark@laptop", force=True)
    files = [str(path) for path in (issued.key, issued.certificate, ours.ca_file)]
    program = (
        "from pathlib import Path\n"
        "from lgi_protocol.client import Client\n"
        "from lgi_protocol.credentials import Credentials\n"
        "from lgi_protocol.errors import TransportError\n"
        f"files = [Path(name) for name in {files}]\n"
        "try:\n"
        "    Client('https://localhost:1/LGI', Credentials(*files), direct=True).post('x', {'a': 'b'})\n"
        "except TransportError as error:\n"
        "    print(error.reason)\n"
        "import sys; print(*sys.modules)"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    reason, loaded = done.stdout.splitlines()
    assert reason == "Connection refused"
    assert not set(loaded.split()) & {"requests", "urllib3"}


@pytest.mark.parametrize(
    "text", ["", "a+b %2B", "<job> 7 </job>\n&amp;", "A-_.~z", "".join(map(chr, range(400)))]
)
def test_a_form_is_encoded_as_the_library_of_python_does(text: str) -> None:
    """Whatever is in it."""
    fields = {"exchange": text, "a name": f"{text}{text}"}

    assert form_of(fields) == urlencode(fields)
