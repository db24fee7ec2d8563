"""The proxy on the way to a server, as libcurl takes it from the environment."""

import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

# The first that holds something counts.
_VARIABLES = ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")
_EXCEPTIONS = ("no_proxy", "NO_PROXY")
# libcurl's, where an address names none.
_PORTS = {"http": 1080, "https": 443}
_HTTPS_PORT = 443
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class UnusableProxyError(ValueError):
    """The environment names a proxy that cannot be used; the text says which, and what to do."""


@dataclass(frozen=True)
class Proxy:
    """A proxy: its URL, which may hold a password, and the variable that names it."""

    url: str
    variable: str

    def __str__(self) -> str:
        """Without user and password."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]} ({self.variable})"


def proxy_for(url: str, environment: Mapping[str, str] = os.environ) -> Proxy | None:
    """The proxy to use for an https URL, None to go there directly. UnusableProxyError."""
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
        raise UnusableProxyError(f"{variable} names no proxy: it must be as http://proxy.example.org:3128")
    if parts.scheme not in _PORTS:
        raise UnusableProxyError(
            f"the proxy {Proxy(whole, variable)} is of the kind {parts.scheme}, which is not supported: "
            "name an HTTP proxy in https_proxy, or the server in no_proxy"
        )
    user = parts.netloc.rpartition("@")[0]
    host = f"[{host}]" if ":" in host else host
    return Proxy(f"{parts.scheme}://{user}{'@' if user else ''}{host}:{port}", variable)


def _is_exempt(parts: SplitResult, environment: Mapping[str, str]) -> bool:
    """Whether the exceptions name the host of a URL."""
    text = next((environment[name] for name in _EXCEPTIONS if environment.get(name)), "").strip()
    if text == "*":
        return True
    host, port = (parts.hostname or "").rstrip("."), parts.port or _HTTPS_PORT
    return any(_names(entry, host, port) for entry in re.split(r"[,\s]+", text) if entry)


def _names(entry: str, host: str, port: int) -> bool:
    """Whether an entry is a host, with a port or without, a domain it is in, or a network."""
    network = _network(entry)
    if network is None:
        # libcurl knows no ports here; who writes one has this server in mind.
        entry, _colon, wanted = entry.rpartition(":") if re.search(r":[0-9]+$", entry) else (entry, "", "")
        if wanted and int(wanted) != port:
            return False
        network = _network(entry)
    address = _network(host)
    if address is not None:
        return network is not None and address.network_address in network
    domain = entry.removesuffix(".").removeprefix(".").lower()
    return bool(domain) and (host.lower() == domain or host.lower().endswith(f".{domain}"))


def _network(text: str) -> _Network | None:
    """An address, an IPv6 one in brackets or without, or a network (CIDR); None for any other text."""
    try:
        return ipaddress.ip_network(re.sub(r"^\[([^]]*)\](/[0-9]+)?$", r"\1\2", text), strict=False)
    except ValueError:
        return None
