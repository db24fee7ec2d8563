"""Tokens: 256 random bits that stand for a user's certificate in requests without one (``Bearer``).

The server stores the SHA-256 of a token only. A token has fewer rights than its certificate: those of its
scopes, in one project, and the administrators' group only with the scope ``admin``. The token of a group has
the rights of the group alone, to read.
"""

import hashlib
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from lgi_protocol.common_name import CommonName
from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_server.auth import client_certificate
from lgi_server.auth.client_certificate import ClientCertificate

_TOKEN = re.compile(r"lgi_[A-Za-z0-9_-]{43}")
_BEARER = re.compile(r"bearer +(\S+)", re.IGNORECASE)
# Longer headers are not looked at.
_LONGEST = 1024
_IN_URL = re.compile(r"lgi_[A-Za-z0-9_-]{43}|(?:^|[&;])(?:access_)?token=")


class Scope(StrEnum):
    """What a token is for."""

    READ = "read"
    SUBMIT = "submit"
    FILES = "files"
    ADMIN = "admin"


# The scopes that include another one.
_INCLUDED: Mapping[Scope, frozenset[Scope]] = {
    Scope.READ: frozenset({Scope.READ, Scope.SUBMIT, Scope.ADMIN}),
    Scope.SUBMIT: frozenset({Scope.SUBMIT, Scope.ADMIN}),
    Scope.FILES: frozenset({Scope.FILES, Scope.SUBMIT, Scope.ADMIN}),
    Scope.ADMIN: frozenset({Scope.ADMIN}),
}


class ScopeError(LGIError):
    """A token is good, but not for this."""

    def __init__(self, why: str) -> None:
        """Set the reason."""
        super().__init__(ErrorNumber.CERTIFICATE, why, message="The token is not accepted")


@dataclass(frozen=True)
class TokenIdentity(ClientCertificate):
    """A caller with a token: the name in its certificate, as far as the token goes, and its scopes."""

    token_id: int = 0
    scopes: frozenset[Scope] = frozenset()

    def check_scope(self, *needed: Scope) -> None:
        """Raise LGIError CERTIFICATE unless the token has one of the scopes ``needed``, or one above it."""
        if not any(self.scopes & _INCLUDED[scope] for scope in needed):
            own, missing = ", ".join(sorted(self.scopes)), " or ".join(needed)
            raise ScopeError(f"its scope is {own}, and this needs {missing}")


def refusal(why: str) -> LGIError:
    """Return the error of a token that is refused."""
    return LGIError(ErrorNumber.CERTIFICATE, why, message="The token is not accepted")


def create() -> str:
    """Return a new token, which cannot be guessed."""
    return f"lgi_{secrets.token_urlsafe(32)}"


def digest(token: str) -> str:
    """Return what is stored of a token: its SHA-256, as hexadecimal digits."""
    return hashlib.sha256(token.encode("ascii")).hexdigest()


def is_posted(environ: Mapping[str, Any]) -> bool:
    """Return whether a request has the header of a token, also if it is malformed."""
    return bool(environ.get("HTTP_AUTHORIZATION", "")[:7].lower() in {"bearer", "bearer "})


def of_request(environ: Mapping[str, Any]) -> str:
    """Return the token in the header of a request; LGIError CERTIFICATE for a malformed one."""
    posted = environ.get("HTTP_AUTHORIZATION", "")
    found = _BEARER.fullmatch(posted.strip()) if len(posted) <= _LONGEST else None
    if found is None or not _TOKEN.fullmatch(found[1]):
        raise refusal("it is malformed: a token is lgi_ and 43 characters")
    return found[1]


def check_url(environ: Mapping[str, Any]) -> None:
    """Raise LGIError CERTIFICATE for a request with a token in its URL, which logs and caches keep."""
    if _IN_URL.search(environ.get("QUERY_STRING", "")) or _TOKEN.search(environ.get("PATH_INFO", "")):
        raise refusal(
            "never put a token into a URL: revoke it, and send a new one as 'Authorization: Bearer'"
        )


def identity(
    certificate: bytes, project: str, token_id: int, scopes: Iterable[Scope], admin_group: str
) -> TokenIdentity:
    """Return the caller that has a token made with a certificate (DER); ValueError for an unreadable one."""
    who, allowed = client_certificate.read(certificate), frozenset(scopes)
    groups = who.name.groups
    if groups is not None and Scope.ADMIN not in allowed:
        groups = tuple(group for group in groups if group != admin_group)
    name = CommonName(who.name.name, groups, (project,))
    return TokenIdentity(who.der, name, who.serial, who.not_before, who.not_after, token_id, allowed)


def group_identity(certificate: bytes, project: str, token_id: int, group: str) -> TokenIdentity:
    """Return the holder of a token of a group, made with a certificate (DER); ValueError as `identity`.

    The name is that of the group: it has no rights of the user who has made the token.
    """
    who = client_certificate.read(certificate)
    name = CommonName(group, (group,), (project,))
    only = frozenset({Scope.READ})
    return TokenIdentity(who.der, name, who.serial, who.not_before, who.not_after, token_id, only)
