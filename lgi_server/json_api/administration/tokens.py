"""The tokens of all users and groups."""

from lgi_protocol.xml import Element
from lgi_server.api import admin_fields, fields
from lgi_server.api.admin_context import AdminContext
from lgi_server.api.responses import Elements
from lgi_server.interfaces.tokens import token_elements
from lgi_server.json_api.administration import calls
from lgi_server.json_api.administration.calls import change_route, read_route
from lgi_server.json_api.operation import Operation
from lgi_server.json_api.parameter import Kind, Parameter
from lgi_server.tables import api_tokens

_MOST, _DEFAULT = 1000, 100


def list_all_tokens(call: AdminContext) -> Elements:
    """Return a page of the tokens of all, without their texts."""
    limit = min(max(call.form.number_or(fields.LIMIT, _DEFAULT), 1), _MOST)
    found = api_tokens.everyone(call.transaction, call.form.number_or(admin_fields.AFTER, 0), limit + 1)
    more = (Element("next", found[limit - 1].token_id),) if len(found) > limit else ()
    tokens = (Element("token", token_elements(row), number) for number, row in enumerate(found[:limit], 1))
    return (*tokens, *more)


def revoke_any_token(call: AdminContext) -> Elements:
    """Revoke a token of whatever user or group."""
    call.changes.revoke_token(call.form.number(admin_fields.TOKEN_ID))
    return calls.local_answer()


OPERATIONS = (
    Operation(
        "list_all_tokens",
        "GET",
        "/admin/tokens",
        read_route(list_all_tokens),
        "The tokens of all users and groups, without their texts, the oldest first.",
        "TokenPage",
        query=(
            Parameter(admin_fields.AFTER, "The next of the page before.", Kind.INTEGER),
            Parameter(
                fields.LIMIT, "The most tokens of a page, up to 1000 (default: 100).", Kind.INTEGER, least=1
            ),
        ),
        picked=("tokens", "next"),
    ),
    Operation(
        "revoke_any_token",
        "DELETE",
        "/admin/tokens",
        change_route(revoke_any_token),
        "Revoke a token of whatever user or group: its next use is refused.",
        "Recorded",
        query=(Parameter(admin_fields.TOKEN_ID, "Its number.", Kind.INTEGER, required=True),),
        picked=("version",),
    ),
)
