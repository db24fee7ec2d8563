"""What tells a browser from a program.

A browser shows its user's certificate to whoever asks, also when a page of somebody else's sends it here: so
the calls, which have no anti-forgery token, are not for browsers at all.
"""

from collections.abc import Mapping
from typing import Any

from lgi_protocol.errors import ErrorNumber, LGIError

# Of the web interface's session. The prefix keeps other hosts of the same domain from setting it.
COOKIE = "__Host-LGI_session"


def check_is_program(environ: Mapping[str, Any]) -> None:
    """LGIError BROWSER_SESSION for a request with the cookie of the web interface.

    A request that only a browser sends is refused in the same way.

    The cookie alone is not enough: it is SameSite=Strict, so what other sites send comes without it.
    """
    sent = environ.get("HTTP_COOKIE", "")
    if f"{COOKIE}=" in sent or "HTTP_SEC_FETCH_SITE" in environ or "HTTP_ORIGIN" in environ:
        raise LGIError(ErrorNumber.BROWSER_SESSION)


def comes_from_elsewhere(environ: Mapping[str, Any]) -> bool:
    """Return whether a browser says that a request is another site's doing."""
    return environ.get("HTTP_SEC_FETCH_SITE", "same-origin") not in {"same-origin", "none"}
