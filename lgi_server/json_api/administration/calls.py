"""What the calls of administrators share: their routes, fields and answers."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from lgi_protocol.xml import Element
from lgi_server.api import admin_fields, admin_form
from lgi_server.api.admin_context import AdminContext
from lgi_server.api.registry import Route
from lgi_server.api.responses import Elements
from lgi_server.auth.api_token import Scope
from lgi_server.json_api.parameter import Parameter

KIND = Parameter(admin_fields.KIND, "Whether of a user or a group.", required=True, words=admin_form.KINDS)
NAME = Parameter(admin_fields.NAME, "The name.", required=True)
SERVERS = Parameter(admin_fields.SERVERS, "Project servers that it is for, comma-separated (default: any).")
EVERYWHERE = {admin_fields.SERVERS.name: "any"}


def read_route(view: Callable[[AdminContext], Elements]) -> Route[AdminContext]:
    """Return the route of a call that changes nothing."""
    return Route(view, AdminContext, writes=False, token_scopes=(Scope.ADMIN,))


def change_route(view: Callable[[AdminContext], Elements]) -> Route[AdminContext]:
    """Return the route of a call that makes a change."""
    return Route(view, AdminContext, token_scopes=(Scope.ADMIN,))


def version_answer(call: AdminContext, version: int) -> Elements:
    """Return the answer of a change with its version, and have the slaves fetch it."""
    call.tell_slaves()
    return (Element("version", version),)


def local_answer() -> Elements:
    """Return the answer of a change of this server alone."""
    return (Element("version", 0),)


def rows_answer(name: str, rows: Iterable[Mapping[str, Any]]) -> Elements:
    """Return rows as elements of a list."""
    return tuple(
        Element(name, tuple(Element(key, value) for key, value in row.items()), number)
        for number, row in enumerate(rows, 1)
    )
