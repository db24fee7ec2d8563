"""A key, a certificate and a CA: what a program shows a project server, and what it demands of one."""

import logging
import os
import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

import requests
from requests.adapters import HTTPAdapter

from lgi_protocol.deadline import with_deadline
from lgi_protocol.proxies import UnusableProxyError, proxy_for

log = logging.getLogger(__name__)

_LONGEST_PEM = 1024 * 1024
Stamps = tuple[tuple[int, int, int], ...]


@dataclass(frozen=True)
class Credentials:
    """The three PEM files. ``check_host`` off (``-W``) skips the host name, never the chain."""

    key: Path
    certificate: Path
    ca: Path
    check_host: bool = True

    @property
    def files(self) -> tuple[Path, Path, Path]:
        """Certificate, key and CA."""
        return self.certificate, self.key, self.ca

    def session(self) -> requests.Session:
        """A keep-alive HTTPS session that trusts this CA alone; ValueError names an unusable file."""
        return session_with(self.context(), self.ca, self.check_host)

    def context(self) -> ssl.SSLContext:
        """TLS 1.2 or newer, the chain always verified."""
        try:
            context = ssl.create_default_context(cafile=str(self.ca))
        except (OSError, ssl.SSLError) as error:
            raise ValueError(f"cannot use the CA file {self.ca}: {_plain(self.ca, error)}") from None
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.check_hostname = self.check_host
        try:
            context.load_cert_chain(self.certificate, self.key, password=_no_password)
        except (OSError, ssl.SSLError, ValueError) as error:
            raise ValueError(
                f"cannot use the certificate {self.certificate} with the key {self.key}: "
                f"{_blame(self.certificate, self.key, error)}"
            ) from None
        return with_deadline(context)


def session_with(context: ssl.SSLContext, ca: Path | None, check_host: bool = True) -> requests.Session:
    """A session that speaks HTTPS with a context and nothing else. Without a CA it trusts everybody."""
    session = requests.Session()
    # The environment's CA bundles and .netrc are not for us; its proxies are, by the adapter.
    session.trust_env = False
    session.verify = str(ca) if ca else False
    # Without an adapter for http:// nothing can be sent in the clear, whatever URL a server names.
    session.adapters.clear()
    session.mount("https://", _Adapter(context, check_host))
    return session


def _no_password() -> str:
    """OpenSSL would ask on the terminal; a program in the background must not hang there."""
    raise ValueError(
        "the key is encrypted, LGI needs it without a pass phrase ('openssl pkey -in KEY -out NEW' makes one)"
    )


def _plain(path: Path, error: Exception) -> str:
    """Why a file of certificates cannot be used."""
    if not isinstance(error, ssl.SSLError):
        return getattr(error, "strerror", None) or str(error)
    return _lacks(path, b"CERTIFICATE-----", "certificate") or error.reason or str(error)


def _blame(certificate: Path, key: Path, error: Exception) -> str:
    """Why two files cannot be used together, and which one it is; OpenSSL says neither."""
    if isinstance(error, ValueError) and not isinstance(error, OSError):
        return str(error)
    if getattr(error, "reason", "") == "KEY_VALUES_MISMATCH":
        return "the key is not that of the certificate"
    return (
        _lacks(certificate, b"CERTIFICATE-----", "certificate")
        or _lacks(key, b"PRIVATE KEY-----", "private key")
        or str(error)
    )


def _lacks(path: Path, mark: bytes, meaning: str) -> str:
    try:
        with path.open("rb") as opened:
            found = mark in opened.read(_LONGEST_PEM)
    except OSError as error:
        return f"{path}: {error.strerror}"
    return "" if found else f"there is no {meaning} in {path}"


def file_stamps(files: Iterable[Path]) -> Stamps:
    """What changes when one of the files is written or replaced."""
    return tuple(_stamp(path) for path in files)


def _stamp(path: Path) -> tuple[int, int, int]:
    try:
        status = path.stat()
    except OSError:
        return (0, 0, 0)
    return status.st_mtime_ns, status.st_ino, status.st_size


class ReloadingSession:
    """A session of credentials that is made anew when their files were renewed; any thread may ask for it."""

    def __init__(self, credentials: Credentials) -> None:
        """ValueError names an unusable file."""
        self._credentials = credentials
        self._guard = Lock()
        self._stamps = file_stamps(credentials.files)
        self._session = credentials.session()

    def current(self) -> requests.Session:
        """The session to use for the next call; the old one while the new files cannot be used."""
        with self._guard:
            found = file_stamps(self._credentials.files)
            if found != self._stamps:
                self._stamps = found
                try:
                    # The old one is left to whoever has a call under way on it.
                    self._session = self._credentials.session()
                except ValueError as error:
                    log.warning("the old certificate is used further on: %s", error)
            return self._session


class _Adapter(HTTPAdapter):
    """Hands our own TLS context to every connection, and takes the way through a proxy as libcurl does."""

    def __init__(self, context: ssl.SSLContext, check_host: bool) -> None:
        self._context = context
        self._check_host = check_host
        self._environment = dict(os.environ)
        super().__init__(pool_connections=16, pool_maxsize=16)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        kwargs["ssl_context"] = self._context
        if not self._check_host:
            kwargs["assert_hostname"] = False
        super().init_poolmanager(*args, **kwargs)

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        """Raises what requests raises; a proxy on the way is named in a note."""
        try:
            proxy = proxy_for(request.url or "", self._environment)
        except UnusableProxyError as error:
            raise requests.exceptions.InvalidProxyURL(str(error)) from None
        if proxy is None:
            return super().send(request, *args, **kwargs)
        try:
            return super().send(request, *args, **(kwargs | {"proxies": {"https": proxy.url}}))
        except requests.RequestException as error:
            error.add_note(f"through the proxy {proxy}")
            raise

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        kwargs["ssl_context"] = self._context
        if not self._check_host:
            kwargs["assert_hostname"] = False
        return super().proxy_manager_for(proxy, **kwargs)
