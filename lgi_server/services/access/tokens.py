"""Tokens of users: made with a certificate, shown once, and refused from the moment of their revocation."""

import hmac
import logging
import ssl
from collections.abc import Sequence
from dataclasses import replace

from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_server.auth import api_token, client_certificate
from lgi_server.auth.api_token import Scope, TokenIdentity
from lgi_server.auth.client_certificate import ClientCertificate
from lgi_server.db.transaction import Transaction
from lgi_server.services.access import principals
from lgi_server.tables import active_resources, api_tokens
from lgi_server.tables.api_tokens import TokenRow

log = logging.getLogger("lgi.tokens")
DAY = 86_400
DEFAULT_LIFE, MOST_LIFE = 90 * DAY, 366 * DAY
# Tokens of one user; how long one that has expired is still refused with that reason.
MOST_EACH, KEPT = 100, 30 * DAY


def create(
    transaction: Transaction,
    who: ClientCertificate,
    name: str,
    scopes: Sequence[Scope],
    *,
    life: int,
    now: int,
    group: str = "",
) -> tuple[TokenRow, str]:
    """Store a new token of the caller and return it with its text, which nobody can read later.

    It expires after ``life`` seconds, or with the certificate that makes it. Raises LGIError SUBMIT_REFUSED
    for a resource, or for too many tokens. With a ``group`` it is a token of that group: every holder reads
    what the group may read.
    """
    if active_resources.named(transaction, who.name.name) is not None:
        raise LGIError(ErrorNumber.SUBMIT_REFUSED, message="A resource has no tokens, only users have")
    api_tokens.remove(transaction, api_tokens.expired(transaction, now - KEPT))
    if len(api_tokens.of_user(transaction, who.name.name)) >= MOST_EACH:
        why = f"you have {MOST_EACH} tokens: revoke some with LGI_token revoke"
        raise LGIError(ErrorNumber.SUBMIT_REFUSED, message=why)
    text, expires = api_token.create(), min(now + life, int(who.not_after.timestamp()))
    made = TokenRow(
        0,
        api_token.digest(text),
        who.name.name,
        name,
        tuple(sorted(set(scopes))),
        ssl.DER_cert_to_PEM_cert(who.der),
        now,
        expires,
        group_name=group,
    )
    token_id = api_tokens.insert(transaction, made)
    scope = ",".join(made.scopes)
    of_group = f" of group {group!a}" if group else ""
    log.info("token %d%s of %r was made: scope %s, name %r", token_id, of_group, made.user_name, scope, name)
    return replace(made, token_id=token_id), text


def revoke(transaction: Transaction, user_name: str, token_ids: Sequence[int]) -> list[TokenRow]:
    """Remove those of a user's tokens that have these numbers, and return them; LGIError for an unknown one.

    Raises NO_JOB, and revokes none, when one of them is not a token of this user.
    """
    known = {token.token_id: token for token in api_tokens.of_user(transaction, user_name)}
    if unknown := [number for number in token_ids if number not in known]:
        raise LGIError(ErrorNumber.NO_JOB, message=f"{user_name} has no token {unknown[0]}")
    api_tokens.remove(transaction, token_ids)
    for number in token_ids:
        log.info("token %d of %r was revoked", number, user_name)
    return [known[number] for number in token_ids]


def find(
    transaction: Transaction, text: str, address: str, project: str, admin_group: str
) -> tuple[TokenRow, TokenIdentity, bool] | None:
    """Return a token, its holder, and whether it was used from an address before; None for an unknown one.

    Raises LGIError CERTIFICATE when the certificate that made it cannot be read, or for the token of a group
    whose maker is revoked.
    """
    stored = api_tokens.find(transaction, api_token.digest(text), address)
    if stored is None or not hmac.compare_digest(stored[0].token_hash, api_token.digest(text)):
        return None
    row, is_known = stored
    der = client_certificate.der_of(row.certificate)
    try:
        scopes = [Scope(scope) for scope in row.scopes]
        if row.group_name:
            # Its holder has the name of the group, which no revocation of its maker stops.
            principals.check_user(transaction, row.user_name)
            who = api_token.group_identity(der, project, row.token_id, row.group_name)
        else:
            who = api_token.identity(der, project, row.token_id, scopes, admin_group)
    except ValueError as error:
        raise api_token.refusal(str(error)) from None
    return row, who, is_known


def note_address(transaction: Transaction, row: TokenRow, address: str, now: int) -> None:
    """Store and log that a token is used from an address from which it never was used."""
    api_tokens.add_address(transaction, row.token_id, address, now)
    log.warning(
        "token %d %r of %r is used from a new address: %s",
        row.token_id,
        row.token_name,
        row.user_name,
        ascii(address),
    )
