"""The way to a server through a proxy, or past it: as curl goes it."""

import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from lgi_protocol.client import Client
from lgi_protocol.credentials import Credentials
from lgi_protocol.errors import TransportError
from lgi_protocol.proxies import UnusableProxyError, proxy_for
from lgi_tools.certificates.ca import Authority
from lgi_tools.client.repository import Repository
from lgi_tools.client.transfer_error import TransferError
from tests.conftest import lacking

VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
HOST = "lgi.example.org"
SERVER = f"https://{HOST}:9/LGI"


class Recorder:
    """A proxy that notes whom it was asked for, and refuses."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._socket.getsockname()[1]}"
        self.head = b""
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        """Stop refusing connections."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _serve(self) -> None:
        while True:
            try:
                client, _address = self._socket.accept()
            except OSError:
                return
            with client:
                self.head = client.recv(4096)
                self.asked.append(self.head.split()[1].decode())
                client.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    """One on loopback."""
    made = Recorder()
    yield made
    made.close()


@pytest.fixture(scope="module")
def mark(tmp_path_factory: pytest.TempPathFactory) -> Credentials:
    """A user's credentials."""
    authority = Authority.create(tmp_path_factory.mktemp("authority") / "ca")
    issued = authority.issue_user("mark")
    return Credentials(issued.key, issued.certificate, authority.ca_file)


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the machine's own proxies."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def curl_uses(recorder: Recorder, url: str, variables: dict[str, str]) -> bool:
    """Whether curl asks the proxy for a URL."""
    curl = shutil.which("curl")
    if curl is None:
        lacking("curl")
    before = len(recorder.asked)
    host = url.partition("://")[2].partition("/")[0]
    line = [curl, "-q", "-s", "-o", os.devnull, "--max-time", "60"]
    if not host.startswith("["):
        line += ["--resolve", f"{host}:127.0.0.1"]
    subprocess.run([*line, url], env={"PATH": os.environ["PATH"], **variables}, check=False)
    return len(recorder.asked) > before


# The host, what NO_PROXY says, and whether the server is asked directly.
EXCEPTIONS = [
    (HOST, "*", True),
    (HOST, " * ", None),
    (HOST, HOST, True),
    (HOST, "LGI.Example.ORG", True),
    (HOST, "example.org", True),
    (HOST, ".example.org", True),
    (HOST, "example.org.", True),
    (f"{HOST}.", "example.org", True),
    (HOST, "ample.org", False),
    (HOST, "org", True),
    (HOST, "*.example.org", False),
    (HOST, "www.lgi.example.org", False),
    (HOST, "other.org,example.org", True),
    (HOST, "other.org , example.org", True),
    (HOST, " example.org ", True),
    (HOST, ",,example.org,", True),
    (HOST, "other.org,*", False),
    (HOST, "127.0.0.1", False),
    ("127.1.2.3", "127.1.2.3", True),
    ("127.1.2.3", "127.1.0.0/16", True),
    ("127.1.2.3", "127.2.0.0/16", False),
    ("127.1.2.3", "127.0.0.0/8,other.org", True),
    ("127.1.2.3", "1.2.3", False),
    ("127.1.2.3", "127.1.2.0/24", True),
    ("[::1]", "::1", True),
    ("[::1]", "fe80::/10", False),
    ("[::1]", "*", True),
]


@pytest.mark.parametrize(("host", "exceptions", "direct"), EXCEPTIONS)
def test_a_server_that_no_proxy_names_is_asked_directly(
    recorder: Recorder, host: str, exceptions: str, direct: bool | None
) -> None:
    """In each spelling as curl does; blanks around the star are forgiven."""
    url = f"https://{host}:9/LGI"
    for name in ("no_proxy", "NO_PROXY"):
        variables = {"https_proxy": f"http://{recorder.address}", name: exceptions}

        is_direct = proxy_for(url, variables) is None

        if direct is None:
            assert is_direct
        else:
            assert is_direct is direct
            assert curl_uses(recorder, url, variables) is not direct


@pytest.mark.parametrize(
    ("host", "exceptions"),
    [
        (HOST, f"{HOST}:9"),
        (HOST, "example.org:9"),
        (HOST, "other.org example.org"),
        ("[::1]", "[::1]"),
        ("[::1]", "[::1]:9"),
        ("[::1]", "0:0::1"),
        ("[::1]", "::/8"),
        ("[::1]", "[::]/8"),
        ("127.1.2.3", "127.1.2.3:9"),
    ],
)
def test_spellings_that_only_some_versions_of_curl_obey_are_obeyed(host: str, exceptions: str) -> None:
    """Ports, brackets and lists with blanks alone: who writes them means this server."""
    assert proxy_for(f"https://{host}:9/LGI", {"https_proxy": "proxy:1", "NO_PROXY": exceptions}) is None


def test_an_exception_with_another_port_does_not_hold() -> None:
    """It is of another server on that machine, also a port of more digits than int() takes."""
    many = f"{HOST}:{'9' * 5000}"

    assert proxy_for(SERVER, {"https_proxy": "proxy:1", "NO_PROXY": many}) is not None
    assert proxy_for(SERVER, {"https_proxy": "proxy:1", "NO_PROXY": f"{HOST}:443"}) is not None
    assert proxy_for(f"https://{HOST}/LGI", {"https_proxy": "proxy:1", "NO_PROXY": f"{HOST}:443"}) is None


@pytest.mark.parametrize(
    ("variables", "used"),
    [
        ({"https_proxy": "@"}, True),
        ({"HTTPS_PROXY": "@"}, True),
        ({"all_proxy": "@"}, True),
        ({"ALL_PROXY": "@"}, True),
        ({"http_proxy": "@"}, False),
        ({"HTTP_PROXY": "@"}, False),
        ({"https_proxy": "", "all_proxy": "@"}, True),
        ({"https_proxy": "@", "HTTPS_PROXY": "http://127.0.0.1:1"}, True),
        ({"HTTPS_PROXY": "@", "all_proxy": "http://127.0.0.1:1"}, True),
        ({"https_proxy": "@", "no_proxy": "", "NO_PROXY": HOST}, False),
        ({"https_proxy": "@", "no_proxy": "other.org", "NO_PROXY": HOST}, True),
    ],
)
@pytest.mark.parametrize("scheme", ["http://", ""])
def test_a_proxy_is_taken_from_the_variables_curl_reads(
    recorder: Recorder, variables: dict[str, str], used: bool, scheme: str
) -> None:
    """Small letters first, the one for https before that for all; an empty one is not there."""
    given = {name: value.replace("@", f"{scheme}{recorder.address}") for name, value in variables.items()}

    proxy = proxy_for(SERVER, given)

    assert (proxy is not None) is used
    assert proxy is None or proxy.url == f"http://{recorder.address}"
    assert curl_uses(recorder, SERVER, given) is used


def test_a_proxy_without_a_port_has_that_of_curl() -> None:
    """1080; 443 of one that is asked with TLS."""
    plain = proxy_for(SERVER, {"https_proxy": "http://proxy"})
    secret = proxy_for(SERVER, {"https_proxy": "https://me:word@proxy/"})

    assert plain is not None
    assert plain.url == "http://proxy:1080"
    assert secret is not None
    assert secret.url == "https://me:word@proxy:443"


@pytest.mark.parametrize("kind", ["socks4", "socks4a", "socks5", "socks5h", "ftp"])
def test_a_proxy_of_another_kind_is_refused_with_a_word(
    kind: str,
    mark: Credentials,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its password is not shown; the server is not asked directly instead."""
    monkeypatch.setenv("ALL_PROXY", f"{kind}://me:hush@proxy:1")

    with pytest.raises(TransportError) as caught:
        Client(SERVER, mark).post("interfaces/interface_project_server_list", {})

    assert str(caught.value) == (
        f"{SERVER}: the proxy {kind}://proxy:1 (ALL_PROXY) uses the unsupported scheme {kind}: "
        "set https_proxy to an HTTP proxy, or add the server to no_proxy"
    )
    assert not caught.value.sent


@pytest.mark.parametrize("address", ["http://", "http://proxy:port", "http://[::1"])
def test_an_invalid_address_of_a_proxy_is_refused_with_its_variable(address: str) -> None:
    """The variable is named, what is in it is not shown."""
    with pytest.raises(UnusableProxyError, match=r"^https_proxy is not the URL of a proxy"):
        proxy_for(SERVER, {"https_proxy": address})


def test_a_proxy_that_refuses_is_named(
    recorder: Recorder,
    mark: Credentials,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its user and password are sent to it and never shown."""
    monkeypatch.setenv("https_proxy", f"http://me:hush@{recorder.address}")

    with pytest.raises(TransportError) as caught:
        Client(SERVER, mark).post("interfaces/interface_project_server_list", {})

    assert recorder.asked == [f"{HOST}:9"]
    assert b"Proxy-Authorization: Basic " in recorder.head
    through = f"through the proxy http://{recorder.address} (https_proxy)"
    assert str(caught.value) == f"{SERVER}: Tunnel connection failed: 403 Forbidden, {through}"


def test_a_proxy_that_is_away_is_named_for_files_too(
    recorder: Recorder,
    mark: Credentials,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Repositories are asked by the same way."""
    recorder.close()
    monkeypatch.setenv("HTTPS_PROXY", f"http://{recorder.address}")

    with pytest.raises(
        TransferError, match=r"refused, through the proxy http://127[0-9.:]+ \(HTTPS_PROXY\)$"
    ):
        Repository(f"https://{HOST}:9/repository/JOB_1", mark.session()).content()
