"""The chosen groups of a user whose certificate is for any group.

A call posts its groups; for pages they are in a cookie and count as if they were posted with each request.
The certificate decides whether they are granted.
"""

from collections.abc import Mapping
from urllib.parse import quote, unquote

from lgi_protocol import comma_lists, common_name
from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_server.api import fields
from lgi_server.basic_interface.registry import Answer, PageContext, Redirect
from lgi_server.services.access import principals

COOKIE = "__Host-LGI_groups"


def of_cookies(cookies: Mapping[str, str]) -> tuple[str, ...]:
    """Return the chosen groups in the cookies; none if the cookie is malformed."""
    text = unquote(cookies.get(COOKIE, ""))
    if len(text.encode("utf-8", "replace")) >= fields.SHORT or common_name.has_control(text):
        return ()
    return comma_lists.unique(comma_lists.split(text))


def choose_groups(visit: PageContext) -> Answer:
    """Store the posted groups in the cookie; without any, the groups in the certificate count again.

    Raises LGIError GROUPS_REFUSED.
    """
    chosen = comma_lists.unique(comma_lists.split(visit.form.line(fields.CHOSEN_GROUPS)))
    visitor = visit.visitor
    allowed = principals.allowed_groups(visitor.who.name, chosen, visitor.server.config) if chosen else ()
    if refused := [group for group in chosen if group not in allowed]:
        raise LGIError(ErrorNumber.GROUPS_REFUSED, comma_lists.join(refused))
    return Redirect("certificate", keep={COOKIE: quote(comma_lists.join(allowed))})
