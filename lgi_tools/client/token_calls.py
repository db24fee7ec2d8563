"""The calls that make, list and revoke tokens, which stand for the certificate of a user."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field

from lgi_protocol import comma_lists, xml
from lgi_protocol.errors import TransportError
from lgi_protocol.reply import Reply, leading_number
from lgi_protocol.value_object import value_object
from lgi_tools.client.interface_calls import is_unknown_call

Call = Callable[[str, Mapping[str, str]], Reply]


@value_object
class Token:
    """A token of a user; times are in seconds since 1970, ``last_used`` is 0 of one that was never used.

    ``text`` is the token itself, which only the answer has that makes it. ``group`` is that of a token of a
    group, and otherwise empty.
    """

    token_id: int
    name: str
    scopes: tuple[str, ...]
    created: int
    expires: int
    last_used: int
    text: str = field(default="", repr=False)
    group: str = ""


def create_token(
    call: Call,
    server: str,
    scopes: Sequence[str],
    seconds: int | None = None,
    *,
    name: str = "",
    group: str = "",
) -> Token:
    """Make a token that expires after ``seconds``, by default those of the server.

    With a ``group`` it reads what the group may read, and nothing of the caller. Raises ServerError, or
    TransportError from a server that is too old; a server that does not know ``group`` makes no token.
    """
    life = {} if seconds is None else {"life": str(seconds)}
    fields = {"scope": comma_lists.join(tuple(scopes)), "token_name": name, **life}
    if group:
        fields["group"] = group
    (made,) = _tokens(call, server, "create_token", fields)
    if made.group != group:
        revoke_tokens(call, server, [made.token_id])
        raise TransportError(server, "this server is too old for tokens of groups")
    return made


def list_tokens(call: Call, server: str, owner: str = "") -> list[Token]:
    """Return the tokens of the caller, or, for an administrator, those of another user; errors as above."""
    return list(_tokens(call, server, "list_tokens", {"owner": owner} if owner else {}))


def revoke_tokens(call: Call, server: str, token_ids: Sequence[int], owner: str = "") -> list[Token]:
    """Revoke tokens and return them; an unknown one is a ServerError, and then none is revoked."""
    fields = {"token_ids": ", ".join(map(str, token_ids))} | ({"owner": owner} if owner else {})
    return list(_tokens(call, server, "revoke_tokens", fields))


def _tokens(call: Call, server: str, name: str, fields: Mapping[str, str]) -> Iterator[Token]:
    try:
        reply = call(name, fields)
    except TransportError as error:
        if is_unknown_call(error):
            raise TransportError(server, "this server is too old for tokens") from None
        raise
    yield from map(_token, reply.all("token"))


def _token(text: str) -> Token:
    names = ("token_id", "token_name", "scope", "created", "expires", "last_used", "token_text", "group")
    found = xml.values(text, *names)
    return Token(
        token_id=leading_number(found["token_id"]),
        name=found["token_name"],
        scopes=comma_lists.split(found["scope"]),
        created=leading_number(found["created"]),
        expires=leading_number(found["expires"]),
        last_used=leading_number(found["last_used"]),
        text=found["token_text"],
        group=found["group"],
    )
