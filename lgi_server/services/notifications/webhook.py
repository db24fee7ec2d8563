"""Webhooks: a POST to an address that a user has given, from the server's network.

Only hosts in a list are reached. Their names are resolved once, the addresses are checked, and the connection
is made to one that was checked: another answer of the name service, a moment later, changes nothing.
No redirect is followed, no more than the head of an answer is read, and all of it has one deadline.
"""

import contextlib
import http.client
import ipaddress
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from lgi_protocol import notification
from lgi_server.config.notifications import Network, WebhookHost
from lgi_server.services.notifications.delivery_error import DeliveryError

# Seconds from the search of the name to the end of the answer's head.
SECONDS = 15.0
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?", re.ASCII)
# Networks that are not public, whatever the standard library says of them: site-local addresses, shared ones
# of providers, and those that contain an address of IPv4, which another machine would translate.
_EXCLUDED = tuple(
    map(
        ipaddress.ip_network,
        ("fec0::/10", "100.64.0.0/10", "64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32"),
    )
)
Resolve = Callable[[str, int], Sequence[str]]


@dataclass(frozen=True)
class WebhookTarget:
    """The parts of a webhook's address; ``path`` has the query too."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def origin(self) -> str:
        """The address without its path, which may be secret."""
        return f"{self.scheme}://{self.authority}"

    @property
    def authority(self) -> str:
        """Host and port, as in the header Host."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.scheme == "https" else 80) else f"{host}:{self.port}"


def read_url(text: str) -> WebhookTarget:
    """Return the parts of the address of a webhook. Raises ValueError."""
    if len(text) > notification.MOST_URL or not text.isascii() or not text.isprintable() or " " in text:
        most = notification.MOST_URL
        raise ValueError(f"the address of a webhook has up to {most} characters of ASCII, and no blanks")
    parts = urlsplit(text)
    host = (parts.hostname or "").lower()
    if parts.scheme not in {"http", "https"} or "@" in parts.netloc or "\\" in text or parts.fragment:
        raise ValueError("write the address of a webhook as https://hooks.example.org/path")
    if not _NAME.fullmatch(host) and not (":" in host and ipaddress.IPv6Address(host).scope_id is None):
        raise ValueError(f"the webhook's host {host[:40]!r} is no name or address")
    port = parts.port or (443 if parts.scheme == "https" else 80)
    path = f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"
    return WebhookTarget(parts.scheme, host, port, path)


def check_host(target: WebhookTarget, hosts: Iterable[WebhookHost]) -> None:
    """Raise ValueError unless the host of a webhook is one of those that administrators allow."""
    if not any(one.matches(target.scheme, target.host, target.port) for one in hosts):
        raise ValueError(
            f"webhooks to {target.origin} are not allowed: an administrator has to list the host"
        )


def is_reachable(address: str, networks: Iterable[Network] = ()) -> bool:
    """Return whether webhooks may be sent to an IP address: a public one, or one in ``networks``."""
    number = ipaddress.ip_address(address)
    mapped = number.ipv4_mapped if isinstance(number, ipaddress.IPv6Address) else None
    number = mapped or number
    if any(number in network for network in networks):
        return True
    if any(number in network for network in _EXCLUDED):
        return False
    kinds = (number.is_private, number.is_loopback, number.is_link_local, number.is_multicast)
    return number.is_global and not any((*kinds, number.is_reserved, number.is_unspecified))


def _resolve(host: str, port: int) -> Sequence[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


def send(
    target: WebhookTarget,
    headers: Mapping[str, str],
    body: bytes,
    *,
    hosts: Iterable[WebhookHost],
    networks: Sequence[Network],
    context: ssl.SSLContext | None = None,
    resolve: Resolve = _resolve,
    seconds: float = SECONDS,
) -> None:
    """Post a body to a webhook. Raises DeliveryError unless the answer is one of success (2xx).

    ``context`` is that of TLS, by default with the authorities of the system.
    """
    try:
        check_host(target, hosts)
        address = _address(target, networks, resolve)
        status = _post(target, headers, body, address, context=context, seconds=seconds)
    except http.client.HTTPException as error:
        # Nothing that the host has sent is told: it may be no web server.
        raise DeliveryError(f"{target.origin}: no answer of HTTP ({type(error).__name__})") from None
    except (OSError, ValueError) as error:
        raise DeliveryError(f"{target.origin}: {error or type(error).__name__}") from None
    if 300 <= status < 400:
        raise DeliveryError(f"{target.origin} answers with a redirect ({status}), which is not followed")
    if not 200 <= status < 300:
        raise DeliveryError(f"{target.origin} answers with status {status}")


def _address(target: WebhookTarget, networks: Sequence[Network], resolve: Resolve) -> str:
    """Return a checked address of a host. One that may not be reached excludes all."""
    found = resolve(target.host, target.port)
    for address in found:
        if "%" in address or not is_reachable(address, networks):
            raise ValueError("its address is in a private or local network, where no webhook is sent")
    if not found:
        raise ValueError("it has no address")
    return found[0]


def _post(
    target: WebhookTarget,
    headers: Mapping[str, str],
    body: bytes,
    address: str,
    *,
    context: ssl.SSLContext | None,
    seconds: float,
) -> int:
    """Return the status of the answer of an address; the connection is cut when the time is over."""
    with socket.create_connection((address, target.port), timeout=seconds) as plain:
        deadline = threading.Timer(seconds, _cut, (plain,))
        deadline.daemon = True
        deadline.start()
        try:
            connection = http.client.HTTPConnection(target.host, target.port)
            connection.sock = plain
            if target.scheme == "https":
                safe = context or ssl.create_default_context()
                # It takes over the descriptor: the deadline has to know it.
                connection.sock = safe.wrap_socket(plain.dup(), server_hostname=target.host)
            try:
                connection.request("POST", target.path, body, {"Host": target.authority, **headers})
                return connection.getresponse().status
            finally:
                connection.close()
        finally:
            deadline.cancel()


def _cut(connected: socket.socket) -> None:
    """End a connection: its reader or writer, in another thread, has an error."""
    with contextlib.suppress(OSError):
        connected.shutdown(socket.SHUT_RDWR)
