"""One-time tokens, which entitle their holder to one certificate within a short time.

The CA stores the SHA-256 of a token as the name of a file, never the token. The first use of a token binds it
to the key of that request: until it expires, whoever has that key may repeat the request, and nobody else.
"""

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from lgi_protocol import comma_lists, common_name
from lgi_protocol.value_object import value_object
from lgi_tools.certificates import keys
from lgi_tools.certificates.profiles import Kind
from lgi_tools.client import file_lock

if TYPE_CHECKING:
    # Slow to load: functions that need them import them.
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes

DIRECTORY = "tokens"
# The first word of a token says what it is for, so that no program sends one of the other kind.
_MARKS = {Kind.RESOURCE: "lgi1", Kind.USER: "lgiuser1"}
_PROGRAMS = {Kind.RESOURCE: "LGI_join", Kind.USER: "LGI_login"}
# The field of a token's file that has the name.
_NAMES = {Kind.RESOURCE: "name", Kind.USER: "user"}
_LIMIT = re.compile(r"-?[0-9]{1,9}\Z")
_SECRET_BYTES = 32
_UNKNOWN = "unknown token: it is mistyped, was used, or has expired"


class InvalidTokenError(Exception):
    """A token is invalid; the text gives the reason and says nothing about other tokens."""


@value_object
class Grant:
    """The grant of a token: whom it is for, projects, expiry. ``force``: it may replace a certificate.

    A user has groups; ``limit`` is the limit of the rule that lets them submit, empty for no rule.
    """

    name: str
    projects: tuple[str, ...]
    ends: datetime
    force: bool = False
    kind: Kind = Kind.RESOURCE
    groups: tuple[str, ...] = ()
    limit: str = ""


@value_object
class Redemption:
    """A token in use: its grant, and as it was before, the key it is bound to and whether that was issued."""

    grant: Grant
    key: str = ""
    is_issued: bool = False


@value_object
class Token:
    """A token as printed. ``authority`` is the fingerprint by which the CA is authenticated."""

    secret: str
    authority: str
    kind: Kind = Kind.RESOURCE

    def __str__(self) -> str:
        """Return the token as one word."""
        return f"{_MARKS[self.kind]}.{self.secret}.{self.authority}"


def read(text: str, kind: Kind = Kind.RESOURCE) -> Token:
    """Return a token from its text. Raises InvalidTokenError, as for an incomplete copy or another kind."""
    mark, _, rest = text.strip().partition(".")
    secret, _, authority = rest.partition(".")
    digits = len(authority) == 64 and all(digit in "0123456789abcdef" for digit in authority)
    if mark not in _MARKS.values() or not secret or not secret.isascii() or not digits:
        raise InvalidTokenError("invalid token: it must be one word, as printed by LGI_certificates token")
    if mark != _MARKS[kind]:
        raise InvalidTokenError(_other_kind(Kind.USER if kind is Kind.RESOURCE else Kind.RESOURCE))
    return Token(secret, authority, kind)


def _other_kind(kind: Kind) -> str:
    return f"the token is for a {kind}: use it with {_PROGRAMS[kind]}"


def fingerprint(authority: "x509.Certificate") -> str:
    """Return the fingerprint of a CA's public key; a renewed certificate keeps it."""
    return key_fingerprint(authority.public_key())


def key_fingerprint(key: "CertificatePublicKeyTypes") -> str:
    """Return the SHA-256 of a public key in hexadecimal digits."""
    import hashlib

    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def check(grant: Grant) -> None:
    """Raise ValueError unless a certificate can be issued that the project server accepts."""
    common_name.compose(grant.name, grant.groups or None, grant.projects or None)
    if grant.limit and not _LIMIT.match(grant.limit):
        raise ValueError(f"{grant.limit!r} is not a limit: it must be a number, as 0, 100 or -100")
    if grant.kind is Kind.USER:
        return
    if not common_name.is_resource_name(grant.name):
        raise ValueError(
            f"{grant.name!r} is not a resource name: it must be user@host or the full name of a host"
        )
    if not grant.projects or comma_lists.ANY in grant.projects:
        raise ValueError("a token needs the projects of the resource: give --project NAME")


def make(directory: Path, grant: Grant) -> str:
    """Store a new token in a CA's directory. Returns its secret, which is not stored."""
    import secrets

    secret = secrets.token_urlsafe(_SECRET_BYTES)
    tokens = directory / DIRECTORY
    tokens.mkdir(mode=0o700, exist_ok=True)
    _write(_file(directory, secret), _stored(grant))
    return secret


def _stored(grant: Grant) -> dict[str, object]:
    # A user has another field than a resource: a listener of an older version refuses such a token.
    return {
        _NAMES[grant.kind]: grant.name,
        "projects": list(grant.projects),
        "ends": grant.ends.timestamp(),
        "force": grant.force,
        "groups": list(grant.groups),
        "limit": grant.limit,
    }


def _write(file: Path, stored: dict[str, object]) -> None:
    """Write a token's file atomically: a listener that reads at the same time sees all of it or none."""
    import json

    keys.write_file(file, json.dumps(stored).encode(), keys.SECRET, replace=True)


def find(directory: Path, secret: str, now: datetime, kind: Kind = Kind.RESOURCE) -> Grant:
    """Return the grant of a token. Raises InvalidTokenError for an unknown, expired or other one."""
    return _find(directory, secret, now, kind).grant


def _find(directory: Path, secret: str, now: datetime, kind: Kind) -> Redemption:
    found = _read(_file(directory, secret))
    if found is None:
        raise InvalidTokenError(_UNKNOWN)
    if now >= found.grant.ends:
        _file(directory, secret).unlink(missing_ok=True)
        raise InvalidTokenError("the token has expired: ask for a new one")
    if found.grant.kind is not kind:
        raise InvalidTokenError(_other_kind(found.grant.kind))
    return found


@contextmanager
def redeem(
    directory: Path, secret: str, now: datetime, key: str, kind: Kind = Kind.RESOURCE
) -> Iterator[Redemption]:
    """Use a token for a key, named by its fingerprint; at the end without an error it counts as used.

    Other uses of tokens wait meanwhile. The token is bound to the key before the block begins, so that no
    crash gives it to another key. InvalidTokenError is raised for a token that is bound to another one.
    """
    file = _file(directory, secret)
    # The directory exists when there is a token.
    find(directory, secret, now, kind)
    with file_lock.directory_lock(directory / DIRECTORY):
        found = _find(directory, secret, now, kind)
        if found.key not in {"", key}:
            raise InvalidTokenError(_UNKNOWN)
        if not found.key:
            _bind(file, found.grant, key, issued=False)
        yield found
        if not found.is_issued:
            _bind(file, found.grant, key, issued=True)


def _bind(file: Path, grant: Grant, key: str, *, issued: bool) -> None:
    # The name is in another place: for a listener of an older version such a token is none.
    _write(file, {"key": key, "issued": issued, "grant": _stored(grant)})
    # Synced, so that a power failure cannot restore the token.
    _sync(file.parent)


def remove_expired(directory: Path, now: datetime) -> None:
    """Remove the files of expired tokens."""
    for path in (directory / DIRECTORY).glob("*.json"):
        found = _read(path)
        if found is None or now >= found.grant.ends:
            path.unlink(missing_ok=True)


def _read(path: Path) -> Redemption | None:
    """Return what a token's file says, None when it does not exist or is invalid."""
    import json

    try:
        used = json.loads(path.read_bytes())
        stored = used.get("grant", used)
        ends = datetime.fromtimestamp(stored["ends"], UTC)
        kind = next(kind for kind, field in _NAMES.items() if field in stored)
        grant = Grant(
            stored[_NAMES[kind]],
            tuple(stored["projects"]),
            ends,
            stored["force"],
            kind,
            tuple(stored.get("groups", ())),
            str(stored.get("limit", "")),
        )
        return Redemption(grant, str(used.get("key", "")), used.get("issued") is True)
    except (AttributeError, FileNotFoundError, KeyError, StopIteration, TypeError, ValueError):
        return None


def _file(directory: Path, secret: str) -> Path:
    """Return the file of a token by its hash, so that look-up times reveal nothing about others."""
    import hashlib

    return directory / DIRECTORY / f"{hashlib.sha256(secret.encode()).hexdigest()}.json"


def _sync(directory: Path) -> None:
    if sys.platform == "win32":
        return
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
