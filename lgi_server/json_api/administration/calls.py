"""What the calls of administrators share: their routes, fields with few values, and answers."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from lgi_protocol import whole_number
from lgi_protocol.xml import Element
from lgi_server.api import admin_fields
from lgi_server.api.admin_context import AdminContext
from lgi_server.api.fields import Field
from lgi_server.api.form import Form
from lgi_server.api.registry import Route
from lgi_server.api.responses import Elements
from lgi_server.auth.api_token import Scope
from lgi_server.json_api.parameter import Parameter

KINDS, RULES = ("user", "group"), ("allowed", "denied")
_MOST = 2**31 - 1
KIND = Parameter(admin_fields.KIND, "Whether of a user or a group.", required=True, words=KINDS)
NAME = Parameter(admin_fields.NAME, "The name.", required=True)
SERVERS = Parameter(admin_fields.SERVERS, "Project servers that it is for, comma-separated (default: any).")
EVERYWHERE = {admin_fields.SERVERS.name: "any"}


def reading(view: Callable[[AdminContext], Elements]) -> Route[AdminContext]:
    """Return the route of a call that changes nothing."""
    return Route(view, AdminContext, writes=False, token_scopes=(Scope.ADMIN,))


def changing(view: Callable[[AdminContext], Elements]) -> Route[AdminContext]:
    """Return the route of a call that makes a change."""
    return Route(view, AdminContext, token_scopes=(Scope.ADMIN,))


def kind_of(form: Form) -> str:
    """Return "user" or "group"; LGIError STATE."""
    return one_of(form, admin_fields.KIND, KINDS)


def one_of(form: Form, field: Field, words: tuple[str, ...]) -> str:
    """Return a value that is one of a few words; LGIError of the field."""
    value = form.line(field)
    if value not in words:
        raise field.refusal(field.malformed, f"{value[:40]!r} is not one of {', '.join(words)}")
    return value


def signed(form: Form, field: Field) -> int:
    """Return a whole number that may be negative, 0 for none; LGIError of the field."""
    text = form.line(field) or "0"
    number = whole_number.read(text.removeprefix("-"), most=_MOST)
    if number is None:
        raise field.refusal(field.malformed, f"{text[:40]!r} is not a whole number of at most {_MOST}")
    return -number if text.startswith("-") else number


def recorded(call: AdminContext, version: int) -> Elements:
    """Return the answer of a change with its version, and have the slaves fetch it."""
    call.tell_slaves()
    return (Element("version", version),)


def done() -> Elements:
    """Return the answer of a change of this server alone."""
    return (Element("version", 0),)


def listed(name: str, rows: Iterable[Mapping[str, Any]]) -> Elements:
    """Return rows as elements of a list."""
    return tuple(
        Element(name, tuple(Element(key, value) for key, value in row.items()), number)
        for number, row in enumerate(rows, 1)
    )
