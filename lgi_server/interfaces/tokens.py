"""The calls by which users make, list and revoke tokens (wire.md 7, ours)."""

from lgi_protocol import comma_lists, labels, whole_number
from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_protocol.xml import Element
from lgi_server.api import fields
from lgi_server.api.context import InterfaceContext
from lgi_server.api.form import Form
from lgi_server.api.responses import Elements
from lgi_server.auth.api_token import Scope
from lgi_server.services.access import tokens
from lgi_server.tables import api_tokens
from lgi_server.tables.api_tokens import TokenRow


def interface_create_token(call: InterfaceContext) -> Elements:
    """Make a token of the caller; this answer alone has it."""
    scopes = _scopes(call)
    name = call.form.checked(fields.TOKEN_NAME, labels.check_name)
    life = _life(call.form)
    group = _group(call, scopes)
    row, text = tokens.create(call.transaction, call.who, name, scopes, life=life, now=call.now, group=group)
    return (*call.header(), Element("token", (*token_elements(row), Element("token_text", text))))


def interface_list_tokens(call: InterfaceContext) -> Elements:
    """Return the tokens of the caller, or, for an administrator, of another user."""
    rows = api_tokens.of_user(call.transaction, _owner(call))
    listed = [Element("token", token_elements(row), number) for number, row in enumerate(rows, 1)]
    return (*call.header(), Element("number_of_tokens", len(rows)), *listed)


def interface_revoke_tokens(call: InterfaceContext) -> Elements:
    """Revoke tokens of the caller, or, for an administrator, of another user, by their numbers."""
    numbers = sorted(call.form.numbers(fields.TOKEN_IDS))
    rows = tokens.revoke(call.transaction, _owner(call), numbers)
    listed = [Element("token", token_elements(row), number) for number, row in enumerate(rows, 1)]
    return (*call.header(), Element("number_of_tokens", len(rows)), *listed)


def _scopes(call: InterfaceContext) -> list[Scope]:
    """Return the posted scopes, by default to read; LGIError STATE, MODIFY_REFUSED."""
    posted = call.form.names(fields.SCOPE) or (Scope.READ,)
    if unknown := set(posted) - set(Scope):
        why = f"{min(unknown)[:40]!r} is not one of {comma_lists.join(Scope)}"
        raise fields.SCOPE.refusal(fields.SCOPE.malformed, why)
    scopes = [Scope(one) for one in posted]
    is_admin = call.runtime.config.admin_group in call.who.name.certified_groups()
    if Scope.ADMIN in scopes and not is_admin:
        raise LGIError(ErrorNumber.MODIFY_REFUSED, message="Only administrators have tokens of scope admin")
    return scopes


def _group(call: InterfaceContext, scopes: list[Scope]) -> str:
    """Return the group of a token, empty for one of the user; LGIError STATE or GROUPS_REFUSED.

    The certificate is for the group. A token of a group does not change anything, and is none of the
    administrators, who read all jobs.
    """
    group = call.form.line(fields.TOKEN_GROUP)
    if not group:
        return ""
    if scopes != [Scope.READ]:
        raise fields.SCOPE.refusal(fields.SCOPE.malformed, "a token of a group is to read alone")
    groups = call.who.name.groups or ()
    if group not in groups or group in {comma_lists.ANY, call.runtime.config.admin_group}:
        why = f"a token of group {group!r} is made by a member, and none of the administrators"
        raise LGIError(ErrorNumber.GROUPS_REFUSED, why)
    return group


def _life(form: Form) -> int:
    """Return for how many seconds a token is to be good; LGIError LIMIT_TOO_BIG."""
    text = form.text(fields.TOKEN_LIFE)
    life = whole_number.read(text, 1, tokens.MOST_LIFE) if text else tokens.DEFAULT_LIFE
    if life is None:
        why = f"{text[:20]!r} is not a number of seconds from 1 to {tokens.MOST_LIFE}"
        raise fields.TOKEN_LIFE.refusal(fields.TOKEN_LIFE.malformed, why)
    return life


def _owner(call: InterfaceContext) -> str:
    """Return whose tokens a call is about; LGIError MODIFY_REFUSED for those of others."""
    owner = call.form.line(fields.OWNER) or call.user.name
    if owner != call.user.name and call.runtime.config.admin_group not in call.user.groups:
        raise LGIError(ErrorNumber.MODIFY_REFUSED, message="Only administrators see tokens of others")
    return owner


def token_elements(row: TokenRow) -> Elements:
    """Return all that is known of a token, except its hash and its certificate."""
    return (
        Element("token_id", row.token_id),
        Element("user", row.user_name),
        *((Element("group", row.group_name),) if row.group_name else ()),
        Element("token_name", row.token_name),
        Element("scope", comma_lists.join(row.scopes)),
        Element("created", row.created),
        Element("expires", row.expires),
        Element("last_used", row.last_used),
    )
