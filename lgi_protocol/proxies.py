"""Choice of the proxy for a URL from the environment, by the rules of libcurl."""

import ipaddress
import os
import re
from collections.abc import Mapping
from urllib.parse import SplitResult, urlsplit

from lgi_protocol.value_object import value_object

# The first one that is not empty is used.
_VARIABLES = ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")
_EXCEPTIONS = ("no_proxy", "NO_PROXY")
# Default ports of libcurl.
_PORTS = {"http": 1080, "https": 443}
_HTTPS_PORT = 443
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class UnusableProxyError(ValueError):
    """The environment names a proxy that cannot be used; the message says which one and what to do."""


@value_object
class Proxy:
    """URL of a proxy, which may contain a password, and the environment variable it is from."""

    url: str
    variable: str

    def __str__(self) -> str:
        """Return URL without user and password, and the variable."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]} ({self.variable})"


def proxy_for(url: str, environment: Mapping[str, str] = os.environ) -> Proxy | None:
    """Return the proxy for an https URL, or None for a direct connection; raise UnusableProxyError."""
    variable = next((name for name in _VARIABLES if environment.get(name)), "")
    if not variable or _is_exempt(urlsplit(url), environment):
        return None
    return _proxy(environment[variable].strip(), variable)


def _proxy(address: str, variable: str) -> Proxy:
    whole = address if "://" in address else f"http://{address}"
    try:
        parts = urlsplit(whole)
        port = parts.port or _PORTS.get(parts.scheme, 0)
        host = parts.hostname
    except ValueError:
        host = None
    if not host:
        raise UnusableProxyError(
            f"{variable} is not the URL of a proxy, such as http://proxy.example.org:3128"
        )
    if parts.scheme not in _PORTS:
        raise UnusableProxyError(
            f"the proxy {Proxy(whole, variable)} uses the unsupported scheme {parts.scheme}: "
            "set https_proxy to an HTTP proxy, or add the server to no_proxy"
        )
    user = parts.netloc.rpartition("@")[0]
    host = f"[{host}]" if ":" in host else host
    return Proxy(f"{parts.scheme}://{user}{'@' if user else ''}{host}:{port}", variable)


def _is_exempt(parts: SplitResult, environment: Mapping[str, str]) -> bool:
    """Return whether no_proxy contains the host of a URL."""
    text = next((environment[name] for name in _EXCEPTIONS if environment.get(name)), "").strip()
    if text == "*":
        return True
    host, port = (parts.hostname or "").rstrip("."), parts.port or _HTTPS_PORT
    return any(_matches(entry, host, port) for entry in re.split(r"[,\s]+", text) if entry)


def _matches(entry: str, host: str, port: int) -> bool:
    """Return whether an entry (host, host:port, domain or network) matches a host and port."""
    network = _network(entry)
    if network is None:
        # libcurl does not know ports here; ours matches the port too.
        entry, _colon, wanted = entry.rpartition(":") if re.search(r":[0-9]+$", entry) else (entry, "", "")
        if wanted and wanted.lstrip("0") != str(port):
            return False
        network = _network(entry)
    address = _network(host)
    if address is not None:
        return network is not None and address.network_address in network
    domain = entry.removesuffix(".").removeprefix(".").lower()
    return bool(domain) and (host.lower() == domain or host.lower().endswith(f".{domain}"))


def _network(text: str) -> _Network | None:
    """Parse an address (IPv6 with or without brackets) or a network (CIDR); None for other text."""
    try:
        return ipaddress.ip_network(re.sub(r"^\[([^]]*)\](/[0-9]+)?$", r"\1\2", text), strict=False)
    except ValueError:
        return None
