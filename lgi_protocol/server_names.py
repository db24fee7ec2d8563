"""The names in the certificate of a server that is called by another one."""

import socket
import ssl
from collections.abc import Iterator
from urllib.parse import urlsplit

SECONDS = 5.0
_KINDS = ("DNS", "IP Address")


def is_mismatch(error: BaseException) -> bool:
    """Return whether a server was refused because its certificate is for other names."""
    return isinstance(error, ssl.SSLCertVerificationError) and "mismatch" in error.verify_message


def advice(url: str, context: ssl.SSLContext) -> str:
    """Return what to do about a server whose certificate, of our CA, is not for the host of its URL.

    The server is asked for its certificate once more; empty when it does not answer, as through a proxy.
    """
    host = urlsplit(url).hostname or ""
    try:
        names = list(_names(host, urlsplit(url).port or 443, context))
    except (OSError, ValueError):
        return ""
    if not names:
        return ""
    return (
        f"only for {', '.join(names)}: write one of these into the URL, or have another certificate made for"
        f" the server: LGI_certificates server {names[0]} --also {host} --force"
    )


def _names(host: str, port: int, context: ssl.SSLContext) -> Iterator[str]:
    """Yield the host names and addresses that the certificate of a server is for, if our CA has signed it."""
    context.check_hostname = False
    with (
        socket.create_connection((host, port), SECONDS) as plain,
        context.wrap_socket(plain, server_hostname=host) as connection,
    ):
        certificate = connection.getpeercert() or {}
    yield from (str(pair[1]) for pair in certificate.get("subjectAltName", ()) if pair[0] in _KINDS)
