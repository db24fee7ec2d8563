"""The enrolment secret of a CA: it makes machines resources until it is replaced.

A CA has one at most, in a file with its SHA-256. A new one takes its place, so that the old one ends at once;
certificates that it has made stay until they are revoked. Names of the resources match a pattern, so that
nobody takes the name of a user or server.
"""

import os
import re
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from lgi_protocol import common_name
from lgi_protocol.value_object import value_object
from lgi_tools.certificates import keys
from lgi_tools.client import file_lock
from lgi_tools.joining import tokens
from lgi_tools.joining.tokens import Grant, InvalidTokenError, Redemption, Token

FILE = "enrolment_secret.json"
_MARK, _RESOURCE_MARK = "lgisecret1.", "lgi1."
_SECRET_BYTES = 32
_UNKNOWN = "unknown secret: it is mistyped, was replaced, or has expired"
# The part in place of *: no separators of names, so that the rest of the pattern is the end of the name.
_PART = "[A-Za-z0-9._-]+"


@value_object
class EnrolmentSecret:
    """What a secret allows: names by a pattern with one ``*``, projects, expiry, the most certificates.

    ``names`` are those that it has given certificates to: each gets one.
    """

    pattern: str
    projects: tuple[str, ...]
    ends: datetime
    most: int
    names: tuple[str, ...] = ()

    def matches(self, name: str) -> bool:
        """Return whether the secret is for a resource of this name."""
        begin, _, end = self.pattern.partition("*")
        return re.fullmatch(re.escape(begin) + _PART + re.escape(end), name) is not None


def check(secret: EnrolmentSecret) -> None:
    """Raise ValueError for a pattern that is not one of names of resources, or without projects."""
    begin, star, end = secret.pattern.partition("*")
    if not star or "*" in end or "@" in begin or not re.fullmatch(r"@[A-Za-z0-9.-]+", end):
        raise ValueError(
            f"{secret.pattern!r} is not a pattern of names: write *@HOST, as *@cluster.example.org"
        )
    tokens.check(Grant(f"{begin}1{end}", secret.projects, secret.ends))


def make(directory: Path, secret: EnrolmentSecret) -> str:
    """Store a new secret in the directory of a CA, which ends the old one; return its text."""
    import secrets

    text = secrets.token_urlsafe(_SECRET_BYTES)
    with _lock(directory):
        _write(directory, _digest(text), secret)
    return text


def end(directory: Path) -> bool:
    """End the secret without a new one; return whether there was one."""
    with _lock(directory):
        there = (directory / FILE).exists()
        (directory / FILE).unlink(missing_ok=True)
    return there


@contextmanager
def redeem(directory: Path, text: str, name: str, now: datetime) -> Iterator[Redemption]:
    """Use the secret for a name, which is noted at the end without an error; InvalidTokenError.

    Other uses wait meanwhile, and so does a replacement: after that nobody uses the old one.
    """
    if not (directory / FILE).exists():
        raise InvalidTokenError(_UNKNOWN)
    with _lock(directory):
        digest, secret = _read(directory)
        _check_use(digest, secret, text, name, now)
        yield Redemption(Grant(name, secret.projects, secret.ends), is_issued=name in secret.names)
        if name not in secret.names:
            _write(directory, digest, replace(secret, names=(*secret.names, name)))


def _check_use(digest: str, secret: EnrolmentSecret, text: str, name: str, now: datetime) -> None:
    import hmac

    if not hmac.compare_digest(digest, _digest(text)) or now >= secret.ends:
        raise InvalidTokenError(_UNKNOWN)
    if not secret.matches(name) or not common_name.is_resource_name(name):
        raise InvalidTokenError(f"the secret is for names like {secret.pattern}, not for {name[:80]!r}")
    try:
        tokens.check(Grant(name, secret.projects, secret.ends))
    except ValueError as error:
        raise InvalidTokenError(str(error)) from None
    if name not in secret.names and len(secret.names) >= secret.most:
        raise InvalidTokenError(f"the secret has made {secret.most} certificates, which is all that it may")


def is_secret(word: str) -> bool:
    """Return whether a word is a secret and no token of one resource."""
    return word.strip().startswith(_MARK)


def word(text: str, authority: str) -> str:
    """Return a secret as printed: with the fingerprint by which the CA is authenticated."""
    return f"{_MARK}{text}.{authority}"


def read(text: str) -> Token:
    """Return a printed secret as a token of resources; InvalidTokenError for an incomplete copy."""
    return tokens.read(text.strip().replace(_MARK, _RESOURCE_MARK, 1))


def _lock(directory: Path) -> AbstractContextManager[None]:
    folder = directory / tokens.DIRECTORY
    folder.mkdir(mode=0o700, exist_ok=True)
    return file_lock.directory_lock(folder)


def _digest(text: str) -> str:
    import hashlib

    return hashlib.sha256(text.encode()).hexdigest()


def _read(directory: Path) -> tuple[str, EnrolmentSecret]:
    """Return hash and secret of the file; InvalidTokenError without a readable one."""
    import json

    try:
        stored = json.loads((directory / FILE).read_bytes())
        found = EnrolmentSecret(
            stored["pattern"],
            tuple(stored["projects"]),
            datetime.fromtimestamp(stored["ends"], UTC),
            int(stored["most"]),
            tuple(stored["names"]),
        )
        return str(stored["hash"]), found
    except (AttributeError, FileNotFoundError, KeyError, TypeError, ValueError):
        raise InvalidTokenError(_UNKNOWN) from None


def _write(directory: Path, digest: str, secret: EnrolmentSecret) -> None:
    import json

    stored = {
        "hash": digest,
        "pattern": secret.pattern,
        "projects": list(secret.projects),
        "ends": secret.ends.timestamp(),
        "most": secret.most,
        "names": list(secret.names),
    }
    keys.write_file(directory / FILE, json.dumps(stored).encode(), keys.SECRET, replace=True)
    if sys.platform == "win32":
        return
    # Synced, so that a power failure does not bring back the old secret.
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
