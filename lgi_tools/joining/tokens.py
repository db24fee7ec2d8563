"""One-time tokens, which entitle their holder to one certificate within a short time.

The CA stores the SHA-256 of a token as the name of a file, never the token. Redeeming a token removes that
file, which succeeds for only one of several concurrent attempts.
"""

import hashlib
import json
import os
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from lgi_protocol import comma_lists, common_name
from lgi_tools.certificates import keys

DIRECTORY = "tokens"
_MARK = "lgi1"
_SECRET_BYTES = 32


class InvalidTokenError(Exception):
    """A token is invalid; the text gives the reason and says nothing about other tokens."""


@dataclass(frozen=True)
class Grant:
    """The grant of a token: a resource, its projects, expiry. ``force``: it may replace a certificate."""

    name: str
    projects: tuple[str, ...]
    ends: datetime
    force: bool = False


@dataclass(frozen=True)
class Token:
    """A token as printed. ``authority`` is the fingerprint by which the CA is authenticated."""

    secret: str
    authority: str

    def __str__(self) -> str:
        """Return the token as one word."""
        return f"{_MARK}.{self.secret}.{self.authority}"


def read(text: str) -> Token:
    """Return a token from its text. Raises InvalidTokenError, as for an incomplete copy."""
    mark, _, rest = text.strip().partition(".")
    secret, _, authority = rest.partition(".")
    digits = len(authority) == 64 and all(digit in "0123456789abcdef" for digit in authority)
    if mark != _MARK or not secret or not secret.isascii() or not digits:
        raise InvalidTokenError("invalid token: it must be one word, as printed by LGI_certificates token")
    return Token(secret, authority)


def fingerprint(authority: x509.Certificate) -> str:
    """Return the SHA-256 of a CA's public key in hexadecimal digits; a renewed certificate keeps it."""
    key = authority.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(key).hexdigest()


def check(name: str, projects: tuple[str, ...]) -> None:
    """Raise ValueError unless a certificate can be issued that the project server accepts."""
    common_name.compose(name, None, projects or None)
    if not common_name.is_resource_name(name):
        raise ValueError(f"{name!r} is not a resource name: it must be user@host or the full name of a host")
    if not projects or comma_lists.ANY in projects:
        raise ValueError("a token needs the projects of the resource: give --project NAME")


def make(directory: Path, grant: Grant) -> str:
    """Store a new token in a CA's directory. Returns its secret, which is not stored."""
    secret = secrets.token_urlsafe(_SECRET_BYTES)
    tokens = directory / DIRECTORY
    tokens.mkdir(mode=0o700, exist_ok=True)
    stored = {
        "name": grant.name,
        "projects": list(grant.projects),
        "ends": grant.ends.timestamp(),
        "force": grant.force,
    }
    # Written atomically: a listener that reads at the same time sees a complete file or none.
    keys.write_file(_file(directory, secret), json.dumps(stored).encode(), keys.SECRET, replace=True)
    return secret


def find(directory: Path, secret: str, now: datetime) -> Grant:
    """Return the grant of a token. Raises InvalidTokenError for an unknown or expired one."""
    grant = _read_grant(_file(directory, secret))
    if grant is None:
        raise InvalidTokenError("unknown token: it is mistyped, was used, or has expired")
    if now >= grant.ends:
        _file(directory, secret).unlink(missing_ok=True)
        raise InvalidTokenError("the token has expired: ask for a new one")
    return grant


def redeem(directory: Path, secret: str, now: datetime) -> Grant:
    """Return the grant and use up the token. Of concurrent attempts one succeeds: InvalidTokenError."""
    grant = find(directory, secret, now)
    try:
        _file(directory, secret).unlink()
    except FileNotFoundError:
        raise InvalidTokenError("unknown token: it is mistyped, was used, or has expired") from None
    # Synced, so that a power failure cannot restore the token.
    _sync(directory / DIRECTORY)
    return grant


def remove_expired(directory: Path, now: datetime) -> None:
    """Remove the files of expired tokens."""
    for path in (directory / DIRECTORY).glob("*.json"):
        grant = _read_grant(path)
        if grant is None or now >= grant.ends:
            path.unlink(missing_ok=True)


def _read_grant(path: Path) -> Grant | None:
    """Return the grant in a token's file, None when it does not exist or is invalid."""
    try:
        stored = json.loads(path.read_bytes())
        ends = datetime.fromtimestamp(stored["ends"], UTC)
        return Grant(stored["name"], tuple(stored["projects"]), ends, stored["force"])
    except (FileNotFoundError, KeyError, TypeError, ValueError):
        return None


def _file(directory: Path, secret: str) -> Path:
    """Return the file of a token by its hash, so that look-up times reveal nothing about others."""
    return directory / DIRECTORY / f"{hashlib.sha256(secret.encode()).hexdigest()}.json"


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
