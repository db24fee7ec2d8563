"""The operations about tokens, which need a certificate."""

from http import HTTPStatus

from lgi_server.api import fields
from lgi_server.api.context import InterfaceContext
from lgi_server.api.registry import Route
from lgi_server.auth.api_token import Scope
from lgi_server.interfaces import tokens
from lgi_server.json_api.operation import Operation
from lgi_server.json_api.parameter import Kind, Parameter

_OWNER = Parameter(fields.OWNER, "The user, for administrators (default: you).")
OPERATIONS = (
    Operation(
        "list_tokens",
        "GET",
        "/tokens",
        Route(tokens.interface_list_tokens, InterfaceContext, writes=False, token_scopes=()),
        "Your tokens, without their texts.",
        "TokenList",
        query=(_OWNER,),
        picked=("tokens",),
    ),
    Operation(
        "create_token",
        "POST",
        "/tokens",
        Route(tokens.interface_create_token, InterfaceContext, token_scopes=()),
        "Make a token. This answer alone has it, as token_text.",
        "Token",
        body=(
            Parameter(fields.TOKEN_NAME, "What it is for.", name="name"),
            Parameter(fields.SCOPE, f"Of {', '.join(Scope)} (default: read).", Kind.NAMES),
            Parameter(fields.TOKEN_GROUP, "A group whose members may all have it, to read (default: none)."),
            Parameter(fields.TOKEN_LIFE, "In seconds (default: 90 days).", Kind.INTEGER, least=1),
        ),
        one="token",
        status=HTTPStatus.CREATED,
    ),
    Operation(
        "revoke_token",
        "DELETE",
        "/tokens/{token_id}",
        Route(tokens.interface_revoke_tokens, InterfaceContext, token_scopes=()),
        "Revoke a token: its next use is refused.",
        "TokenList",
        query=(_OWNER,),
        path_parameters=(
            Parameter(fields.TOKEN_IDS, "The number of the token.", Kind.INTEGER, name="token_id"),
        ),
        picked=("tokens",),
    ),
)
