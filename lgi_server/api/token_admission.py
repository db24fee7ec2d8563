"""Authentication of requests with a token."""

import time
from functools import partial
from typing import TYPE_CHECKING

from lgi_server.auth import api_token
from lgi_server.auth.api_token import Scope, TokenIdentity
from lgi_server.background.timestamp_batcher import Timestamp
from lgi_server.runtime import Runtime
from lgi_server.services.access import tokens

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


def authenticate_token(runtime: Runtime, environ: "WSGIEnvironment", *scopes: Scope) -> TokenIdentity:
    """Return the holder of the token in a request, which has one of these scopes or one above it.

    Raises LGIError CERTIFICATE for a token that is malformed, unknown, expired or of another use, or whose
    certificate was revoked; BACK_OFF when too many requests of this address are looked up.
    """
    if runtime.trust.front_end is not None:
        # A request that has not come through the front end has none of its limits.
        runtime.trust.front_end.certificate(environ)
    api_token.check_url(environ)
    text, now = api_token.of_request(environ), int(time.time())
    # A Unix socket of a front end has no address.
    address = environ.get("REMOTE_ADDR") or "front end"
    with runtime.limiter.slot(f"tokens from {address}"):
        who = _look_up(runtime, text, address, now)
    if runtime.trust.revocation.is_revoked(who.serial, now):
        raise api_token.refusal("the certificate that made it has been revoked")
    who.check_scope(*scopes)
    return who


def _look_up(runtime: Runtime, text: str, address: str, now: int) -> TokenIdentity:
    """Return the holder of a token; it is a token of one of the projects of this server."""
    for name, project in runtime.projects.items():
        find = partial(
            tokens.find,
            text=text,
            address=address,
            project=name,
            admin_group=runtime.config.admin_group,
        )
        found = project.database.run(find, write=False)
        if found is None:
            continue
        row, who, is_known = found
        if now >= row.expires:
            raise api_token.refusal("it has expired: make a new one with LGI_token create")
        project.timestamps.add((Timestamp.TOKEN_USE, row.token_id), now)
        if not is_known:
            project.database.run(partial(tokens.note_address, row=row, address=address, now=now))
        return who
    raise api_token.refusal("it is unknown, or was revoked")
