"""Sessions of HTTPS with a TLS context of ours. Loads requests, a third of the start of a command."""

import os
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase

from lgi_protocol.proxies import UnusableProxyError, proxy_for


def session_with(
    context: ssl.SSLContext,
    ca: Path | None,
    check_host: bool = True,
    headers: Callable[[str], dict[str, str]] | None = None,
) -> requests.Session:
    """Return a session for HTTPS only, with a TLS context. Without a CA no certificate is verified.

    ``headers`` returns those that a request of a URL has in addition.
    """
    session = requests.Session()
    if headers is not None:
        session.auth = _Headers(headers)
    # Ignore CA bundles and .netrc of the environment; the adapter uses its proxies.
    session.trust_env = False
    session.verify = str(ca) if ca else False
    # Without an adapter for http:// nothing can be sent in the clear, whatever URL a server names.
    session.adapters.clear()
    session.mount("https://", _Adapter(context, check_host))
    return session


class _Headers(AuthBase):
    """Adds headers to each request, also to one that follows a redirection, by its URL."""

    def __init__(self, headers: Callable[[str], dict[str, str]]) -> None:
        self._headers = headers

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers.update(self._headers(request.url or ""))
        return request


class _Adapter(HTTPAdapter):
    """HTTP adapter with our TLS context that uses proxies as libcurl does."""

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

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """Verify with the CA that the TLS context has read: its file may have gone since then."""
        conn.cert_reqs = "CERT_REQUIRED" if verify else "CERT_NONE"
        conn.ca_certs = conn.ca_cert_dir = None

    def build_connection_pool_key_attributes(self, request: Any, verify: Any, cert: Any = None) -> Any:
        """Leave the file of the CA out of what a connection is made with, for the same reason."""
        host, settings = super().build_connection_pool_key_attributes(request, verify, cert)
        settings.pop("ca_certs", None)
        return host, settings

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        """Send a request; add the name of the proxy, if any, as a note to the exception of requests."""
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
