"""The distinction of browsers and programs.

A browser presents its user's certificate also in requests that a page of another site sends. So calls, which
have no anti-forgery token, are refused to browsers.
"""

from collections.abc import Mapping
from typing import Any

from lgi_protocol.errors import ErrorNumber, LGIError

# The cookie of the web interface's session; with this prefix other hosts of the domain cannot set it.
COOKIE = "__Host-LGI_session"


def check_is_program(environ: Mapping[str, Any]) -> None:
    """Raise LGIError BROWSER_SESSION for a request of a browser.

    It is recognized by the session cookie or by headers that only browsers send. The cookie alone is not
    enough: it is SameSite=Strict, so requests from other sites do not have it.
    """
    sent = environ.get("HTTP_COOKIE", "")
    if f"{COOKIE}=" in sent or "HTTP_SEC_FETCH_SITE" in environ or "HTTP_ORIGIN" in environ:
        raise LGIError(ErrorNumber.BROWSER_SESSION)


def comes_from_elsewhere(environ: Mapping[str, Any]) -> bool:
    """Return whether a browser says that another site has caused a request."""
    return environ.get("HTTP_SEC_FETCH_SITE", "same-origin") not in {"same-origin", "none"}
