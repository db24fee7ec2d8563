"""Key, certificate and CA of a client, and the TLS context and session made from them."""

import logging
import os
import ssl
import sys
from collections.abc import Iterable
from dataclasses import field
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from lgi_protocol.deadline import with_deadline
from lgi_protocol.https_pool import HttpsPool, is_plain
from lgi_protocol.proxies import UnusableProxyError, proxy_for
from lgi_protocol.value_object import value_object

if TYPE_CHECKING:
    # Slow to load.
    import requests

log = logging.getLogger(__name__)

_LONGEST_PEM = 1024 * 1024
Stamps = tuple[tuple[int, int, int], ...]


@value_object
class Credentials:
    """Paths of the three PEM files. ``check_host=False`` (``-W``) skips the host name check only.

    A ``token`` is used instead of certificate and key, which are not read then; it is sent to the host of the
    project server ``server`` (URL) and to no other.
    """

    key: Path
    certificate: Path
    ca: Path
    check_host: bool = True
    token: str = field(default="", repr=False)
    server: str = ""

    @property
    def files(self) -> tuple[Path, ...]:
        """Certificate, key and CA, as far as they are used."""
        return (self.ca,) if self.token else (self.certificate, self.key, self.ca)

    def headers(self, url: str) -> dict[str, str]:
        """Return the header with the token for a request of this URL; none for another host or port."""
        if not self.token or _origin(url) != _origin(self.server):
            return {}
        return {"Authorization": f"Bearer {self.token}"}

    def session(self) -> "requests.Session":
        """Return a keep-alive session that trusts this CA only; raise ValueError for an unusable file."""
        from lgi_protocol.https_session import session_with

        return session_with(self.context(), self.ca, self.check_host, self.headers if self.token else None)

    def context(self) -> ssl.SSLContext:
        """Return a TLS context (1.2 or newer) that verifies the chain; raise ValueError as `session`."""
        try:
            context = ssl.create_default_context(cafile=str(self.ca))
        except (OSError, ssl.SSLError) as error:
            raise ValueError(f"cannot use the CA file {self.ca}: {_reason(self.ca, error)}") from None
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.check_hostname = self.check_host
        if self.token:
            return with_deadline(context)
        try:
            context.load_cert_chain(self.certificate, self.key, password=_no_password)
        except (OSError, ssl.SSLError, ValueError) as error:
            raise ValueError(
                f"cannot use the certificate {self.certificate} with the key {self.key}: "
                f"{_mismatch(self.certificate, self.key, error)}"
            ) from None
        return with_deadline(context)


def _origin(url: str) -> tuple[str, str | None, int | None]:
    """Return what decides whether two URLs are of the same server."""
    parts = urlsplit(url)
    return parts.scheme.lower(), parts.hostname, parts.port or 443


def _no_password() -> str:
    """Raise ValueError instead of asking on the terminal, where a background program would hang."""
    raise ValueError(
        "the key is encrypted; use a key without a pass phrase ('openssl pkey -in KEY -out NEW' writes one)"
    )


def _reason(path: Path, error: Exception) -> str:
    """Return why a file with certificates cannot be used."""
    if not isinstance(error, ssl.SSLError):
        return getattr(error, "strerror", None) or str(error)
    return _missing(path, b"CERTIFICATE-----", "certificate") or error.reason or str(error)


def _mismatch(certificate: Path, key: Path, error: Exception) -> str:
    """Return why certificate and key cannot be used together and which file is wrong, unlike OpenSSL."""
    if isinstance(error, ValueError) and not isinstance(error, OSError):
        return str(error)
    if getattr(error, "reason", "") == "KEY_VALUES_MISMATCH":
        return "the key does not belong to the certificate"
    return (
        _missing(certificate, b"CERTIFICATE-----", "certificate")
        or _missing(key, b"PRIVATE KEY-----", "private key")
        or str(error)
    )


def _missing(path: Path, mark: bytes, meaning: str) -> str:
    try:
        with path.open("rb") as opened:
            found = mark in opened.read(_LONGEST_PEM)
    except PermissionError as error:
        return f"{path}: {error.strerror}{_readers(path)}"
    except OSError as error:
        return f"{path}: {error.strerror}"
    return "" if found else f"there is no {meaning} in {path}"


def _readers(path: Path) -> str:
    """Return who may read a file, as advice; empty when even that cannot be seen."""
    try:
        status = path.stat()
    except OSError:
        return ": a directory above it is closed to this account"
    if sys.platform == "win32":
        return ": another account owns it"
    import pwd

    try:
        owner = pwd.getpwuid(status.st_uid).pw_name
    except KeyError:
        owner = f"uid {status.st_uid}"
    return f": it belongs to {owner} and has mode {status.st_mode & 0o777:04o}; run this as its owner"


def file_stamps(files: Iterable[Path]) -> Stamps:
    """Return a value that changes when one of the files is written or replaced."""
    return tuple(_stamp(path) for path in files)


def _stamp(path: Path) -> tuple[int, int, int]:
    try:
        status = path.stat()
    except OSError:
        return (0, 0, 0)
    return status.st_mtime_ns, status.st_ino, status.st_size


class Connections:
    """The connections made with one reading of the credential files; thread-safe.

    Calls use `direct_to`. Files, and everything through a proxy, use the ``session`` of requests; once it is
    there, it is used for all.
    """

    def __init__(self, credentials: Credentials) -> None:
        """Read the files; raise ValueError for an unusable one."""
        self._credentials = credentials
        self._context = credentials.context()
        self._direct = HttpsPool(self._context)
        self._environment = dict(os.environ)
        self._guard = Lock()
        self._session: requests.Session | None = None

    def direct_to(self, url: str) -> HttpsPool | None:
        """Return the direct connections for a URL, None when it is to be requested by the session."""
        if self._session is not None:
            return None
        try:
            is_direct = is_plain(url) and proxy_for(url, self._environment) is None
        except UnusableProxyError:
            return None
        return self._direct if is_direct else None

    @property
    def session(self) -> "requests.Session":
        """The session of requests, which is slow to load, made when it is needed."""
        with self._guard:
            if self._session is None:
                from lgi_protocol.https_session import session_with

                self._session = session_with(
                    self._context,
                    self._credentials.ca,
                    self._credentials.check_host,
                    self._credentials.headers if self._credentials.token else None,
                )
            return self._session

    def close(self) -> None:
        """Close the idle connections."""
        self._direct.close()
        if self._session is not None:
            self._session.close()


class ReloadingConnections:
    """Connections that are replaced when the credential files change; thread-safe."""

    def __init__(self, credentials: Credentials) -> None:
        """Read the files; raise ValueError for an unusable one."""
        self._credentials = credentials
        self._guard = Lock()
        self._stamps = file_stamps(credentials.files)
        self._connections = Connections(credentials)

    def current(self) -> Connections:
        """Return the connections for the next call; the previous ones as long as new files are unusable."""
        with self._guard:
            found = file_stamps(self._credentials.files)
            if found != self._stamps:
                self._stamps = found
                # Calls in progress keep the previous connections.
                self._replace()
            return self._connections

    def renew(self) -> None:
        """Use new connections from now on; calls in progress keep theirs. Keep the old ones on an error."""
        with self._guard:
            self._replace()

    def _replace(self) -> None:
        try:
            self._connections = Connections(self._credentials)
        except ValueError as error:
            log.warning("keeping the old certificate: %s", error)
