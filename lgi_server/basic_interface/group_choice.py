"""The groups somebody works for in the web interface whose certificate is for any group.

A call posts its groups and a page does not. So the browser keeps them, and they count as if they were posted
with each request: it is the certificate that grants them.
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
    """Return what was chosen; nothing for what no form of ours can have chosen."""
    text = unquote(cookies.get(COOKIE, ""))
    if len(text.encode("utf-8", "replace")) >= fields.SHORT or common_name.has_control(text):
        return ()
    return comma_lists.unique(comma_lists.split(text))


def choose_groups(visit: PageContext) -> Answer:
    """Work for these groups from now on, or with none posted for those that the certificate names."""
    chosen = comma_lists.unique(comma_lists.split(visit.form.line(fields.CHOSEN_GROUPS)))
    visitor = visit.visitor
    allowed = principals.allowed_groups(visitor.who.name, chosen, visitor.server.config) if chosen else ()
    if refused := [group for group in chosen if group not in allowed]:
        raise LGIError(ErrorNumber.GROUPS_REFUSED, comma_lists.join(refused))
    return Redirect("certificate", keep={COOKIE: quote(comma_lists.join(allowed))})
