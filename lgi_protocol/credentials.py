"""A key, a certificate and a CA: what a program shows a project server, and what it demands of one."""

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import getproxies

import requests
from requests.adapters import HTTPAdapter

from lgi_protocol.patience import timed


@dataclass(frozen=True)
class Credentials:
    """The three PEM files. ``check_host`` off (``-W``) skips the host name, never the chain."""

    key: Path
    certificate: Path
    ca: Path
    check_host: bool = True

    def session(self) -> requests.Session:
        """A keep-alive HTTPS session that trusts this CA alone; ValueError names an unusable file."""
        session = requests.Session()
        # The environment's CA bundles and .netrc are not for us; its proxies are, as for curl.
        session.trust_env = False
        session.proxies.update(getproxies())
        session.verify = str(self.ca)
        # Without an adapter for http:// nothing can be sent in the clear, whatever URL a server names.
        session.adapters.clear()
        session.mount("https://", _Adapter(self.context(), self.check_host))
        return session

    def context(self) -> ssl.SSLContext:
        """TLS 1.2 or newer, the chain always verified."""
        try:
            context = ssl.create_default_context(cafile=str(self.ca))
        except (OSError, ssl.SSLError) as error:
            raise ValueError(f"cannot use the CA file {self.ca}: {error}") from None
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.check_hostname = self.check_host
        try:
            context.load_cert_chain(self.certificate, self.key, password=_no_password)
        except (OSError, ssl.SSLError, ValueError) as error:
            raise ValueError(
                f"cannot use the certificate {self.certificate} with the key {self.key}: {error}"
            ) from None
        return timed(context)


def _no_password() -> str:
    """OpenSSL would ask on the terminal; a program in the background must not hang there."""
    raise ValueError("the key is encrypted, LGI needs it without a pass phrase")


class _Adapter(HTTPAdapter):
    """Hands our own TLS context to every connection."""

    def __init__(self, context: ssl.SSLContext, check_host: bool) -> None:
        self._context = context
        self._check_host = check_host
        super().__init__(pool_connections=16, pool_maxsize=16)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        kwargs["ssl_context"] = self._context
        if not self._check_host:
            kwargs["assert_hostname"] = False
        super().init_poolmanager(*args, **kwargs)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        kwargs["ssl_context"] = self._context
        if not self._check_host:
            kwargs["assert_hostname"] = False
        return super().proxy_manager_for(proxy, **kwargs)
