"""The URL of LGI_certificates listen, as far as the directory of the CA and this machine tell it."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

from lgi_tools.certificates.archive import read_certificate
from lgi_tools.certificates.profiles import Kind, kind_of

DEFAULT_PORT = 8444


def listener_url(directory: Path) -> str:
    """Return the URL with a host that listen has a certificate for: this machine, or the first by name.

    Without any it is this machine. Raises OSError or ValueError for a certificate that cannot be read.
    """
    hosts = sorted(_hosts(directory))
    # Slow to load, and help needs none.
    import socket

    own = socket.getfqdn()
    return of_host(own if own in hosts or not hosts else hosts[0], DEFAULT_PORT)


def of_host(host: str, port: int) -> str:
    """Return the URL of a host name or an IP address, without a path."""
    return f"https://{f'[{host}]' if ':' in host else host}:{port}"


def _hosts(directory: Path) -> Iterator[str]:
    """Yield the hosts whose server certificate and key are in a directory; none for all of a domain."""
    for key in directory.glob("*.key"):
        host, certificate = unquote(key.stem), key.with_suffix(".crt")
        if "*" not in host and certificate.exists() and kind_of(read_certificate(certificate)) is Kind.SERVER:
            yield host
