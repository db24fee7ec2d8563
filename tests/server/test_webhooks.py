"""Webhooks: no way into the networks of the server, whatever users and name servers say."""

import ipaddress
import ssl
import threading
import time
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler

import pytest

from lgi_server.config.notifications import hosts
from lgi_server.services.notifications import webhook
from lgi_server.services.notifications.delivery_error import DeliveryError
from lgi_tools.certificates.ca import Authority
from tests.support.webhook_server import WebhookServer, webhook_server

LOOPBACK = (ipaddress.ip_network("127.0.0.1/32"),)


@pytest.fixture(scope="module")
def listener() -> Iterator[WebhookServer]:
    """A web server on loopback."""
    with webhook_server() as made:
        yield made


@pytest.fixture
def server(listener: WebhookServer) -> WebhookServer:
    """The same without what came before."""
    listener.paths.clear()
    listener.answer = None
    return listener


def post(
    url: str, *, networks: Sequence[ipaddress.IPv4Network] = LOOPBACK, allowed: str = "", **more: object
) -> None:
    """Send a webhook to a host that is in the list."""
    target = webhook.read_url(url)
    listed = hosts(allowed or target.origin)
    webhook.send(target, {}, b"{}", hosts=listed, networks=networks, **more)  # type: ignore[arg-type]


def problem(url: str, **more: object) -> str:
    """Why a webhook is not sent."""
    with pytest.raises(DeliveryError) as error:
        post(url, **more)  # type: ignore[arg-type]
    return str(error.value)


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.8.8.8", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254"),
        *("100.64.0.1", "0.0.0.1", "192.0.2.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255"),
        *("::1", "::", "fe80::1", "fc00::1", "fec0::1", "ff02::1", "2001:db8::1"),
        # IPv4 in IPv6: mapped, 6to4, Teredo, NAT64.
        *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "2002:7f00:1::", "2001:0:7f00:1::", "64:ff9b::7f00:1"),
    ],
)
def test_an_address_in_a_private_or_local_network_is_not_reached(address: str) -> None:
    """Also when the host is in the list, and its name has a public address too."""
    assert not webhook.is_reachable(address)
    for found in ([address], ["9.9.9.9", address]):
        text = problem("https://hooks.example.org/", networks=(), resolve=lambda *_, found=found: found)
        assert "its address is in a private or local network, where no webhook is sent" in text


def test_a_public_address_or_one_in_a_listed_network_is_reached() -> None:
    """A network in the list opens no other one."""
    assert webhook.is_reachable("9.9.9.9")
    assert webhook.is_reachable("2620:fe::fe")
    networks = [ipaddress.ip_network("10.1.0.0/16"), ipaddress.ip_network("fd00::/64")]
    assert webhook.is_reachable("10.1.2.3", networks)
    assert webhook.is_reachable("::ffff:10.1.2.3", networks)
    assert webhook.is_reachable("fd00::5", networks)
    assert not webhook.is_reachable("10.2.0.1", networks)


def test_a_name_is_resolved_once_and_its_checked_address_is_connected(server: WebhookServer) -> None:
    """A name server that answers differently the second time, to reach inside, is not asked again."""
    asked: list[str] = []

    def resolve(host: str, _port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["169.254.169.254"]

    post(f"http://hooks.example.org:{server.port}/a", resolve=resolve)

    assert asked == ["hooks.example.org"]
    assert server.paths == ["/a"]
    assert server.headers[-1]["Host"] == f"hooks.example.org:{server.port}"


def test_a_redirect_is_not_followed(server: WebhookServer) -> None:
    """Wherever it leads."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(307)
        handler.send_header("Location", f"http://127.0.0.1:{server.port}/inside")
        handler.end_headers()

    server.answer = answer

    assert "answers with a redirect (307), which is not followed" in problem(server.url)
    assert server.paths == ["/hook/SECRET?a=b"]


@pytest.mark.parametrize("kind", ["silent", "slow", "endless"])
def test_an_answer_that_does_not_end_is_cut(server: WebhookServer, kind: str) -> None:
    """All of it has one deadline, and no body is read."""
    end = threading.Event()

    def answer(handler: BaseHTTPRequestHandler) -> None:
        text = {"silent": b"", "slow": b"X", "endless": b"X" * 65536}[kind]
        while not end.wait(0.05):
            handler.wfile.write(text)
            handler.wfile.flush()

    server.answer = answer
    begin = time.monotonic()

    try:
        assert server.url.split("/hook")[0] in problem(server.url, seconds=1.0)
    finally:
        end.set()

    assert time.monotonic() - begin < 60


def test_an_answer_of_failure_is_none_of_success(server: WebhookServer) -> None:
    """It is told without the path, which may be secret."""
    server.answer = lambda handler: handler.send_error(500)

    text = problem(server.url)

    assert "answers with status 500" in text
    assert "SECRET" not in text


@pytest.mark.parametrize(
    ("listed", "url"),
    [
        ("hooks.example.org", "http://hooks.example.org/"),
        ("hooks.example.org", "https://hooks.example.org:8443/"),
        ("hooks.example.org", "https://evil.example.org/"),
        ("*.example.org", "https://example.org.evil.net/"),
        ("*.example.org", "https://evilexample.org/"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:22/"),
    ],
)
def test_a_host_that_is_not_in_the_list_is_refused(listed: str, url: str) -> None:
    """Scheme and port belong to the host."""
    text = problem(url, allowed=listed)

    assert "are not allowed: an administrator has to list the host" in text


@pytest.mark.parametrize(
    "url",
    [
        "ftp://hooks.example.org/",
        "file:///etc/passwd",
        "https://user:password@hooks.example.org/",
        "https://hooks.example.org@evil.net/",
        "https://hooks.example.org\\@evil.net/",
        "https://hooks.example.org/a b",
        "https://hooks.example.org/\r\nX-Evil: 1",
        "https://hooks.example.org/ü",
        "https://hooks.example.org/#fragment",
        "https://hooks.example.org:99999/",
        "https://[fe80::1%25eth0]/",
        "https:///path",
        "https://hooks.example.org/" + "x" * 1000,
    ],
)
def test_an_odd_address_of_a_webhook_is_refused(url: str) -> None:
    """Before a name is resolved."""
    with pytest.raises(ValueError, match=r"webhook|Port|port|host|address|IPv"):
        webhook.read_url(url)


def test_the_certificate_of_a_webhook_is_checked(tmp_path_factory: pytest.TempPathFactory) -> None:
    """For the name in the address, though the connection is to a number."""
    authority = Authority.create(tmp_path_factory.mktemp("webhook") / "ca")
    issued = authority.issue_server("localhost")
    trusting = ssl.create_default_context(cafile=str(authority.ca_file))

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(issued.certificate, issued.key)

    with webhook_server(context) as server:
        good = f"https://localhost:{server.port}/a"
        post(good, context=trusting, resolve=lambda *_: ["127.0.0.1"])
        other = f"https://other.example.org:{server.port}/a"
        wrong_name = problem(other, context=trusting, resolve=lambda *_: ["127.0.0.1"])
        unknown = problem(good, resolve=lambda *_: ["127.0.0.1"])

    assert "certificate" in wrong_name.lower()
    assert "certificate" in unknown.lower()
