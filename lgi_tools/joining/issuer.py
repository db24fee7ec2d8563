"""Where the authority makes certificates for those who bring a token, without anything of the network."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from lgi_tools.certificates import csr
from lgi_tools.certificates.ca import LEAF_DAYS, Authority
from lgi_tools.certificates.entity import Wanted
from lgi_tools.certificates.profiles import Kind, Validity
from lgi_tools.joining import tokens
from lgi_tools.joining.tokens import Grant, InvalidTokenError

# Registers a resource with the project server; empty when it did, otherwise why not.
Register = Callable[[Grant, Path], str]


class BadRequestError(Exception):
    """What was sent is no request to join; the text says why."""


@dataclass(frozen=True)
class JoinRequest:
    """A request to join: the secret of a token, and a signing request (PEM)."""

    secret: str
    request: bytes


def read(body: bytes) -> JoinRequest:
    """A posted request (JSON). Malformed says what is wrong with it."""
    try:
        posted = json.loads(body)
        secret, request = posted["token"], posted["request"]
    except (KeyError, TypeError, ValueError, RecursionError):
        raise BadRequestError("the request is no JSON object with token and request") from None
    if not (isinstance(secret, str) and isinstance(request, str)):
        raise BadRequestError("token and request are texts")
    try:
        secret.encode()
        return JoinRequest(secret, request.encode("ascii"))
    except UnicodeEncodeError:
        raise BadRequestError("token and request hold characters that neither has") from None


class Issuer:
    """Spends tokens for certificates."""

    def __init__(
        self, directory: Path, server: str, register: Register | None = None, days: int = LEAF_DAYS
    ) -> None:
        """``server`` is the project server's URL, told to who joins. ValueError or OSError for a bad CA."""
        self.authority = Authority.open(directory)
        self._directory = directory
        self._server = server
        self._register = register
        self._days = days

    def join(self, asked: JoinRequest) -> dict[str, object]:
        """What is answered. Refused or Malformed say why not, and then the token is as good as before.

        OSError when the certificate could not be made, upon which the token is spent.
        """
        now = datetime.now(UTC)
        grant = tokens.look(self._directory, asked.secret, now)
        try:
            key = csr.key_of(asked.request)
        except ValueError as error:
            raise BadRequestError(str(error)) from None
        grant = tokens.redeem(self._directory, asked.secret, now)
        # Opened anew: the CA's certificate may have been renewed.
        self.authority = Authority.open(self._directory)
        wanted = Wanted(Kind.RESOURCE, grant.name, projects=grant.projects)
        try:
            file = self.authority.sign(key, wanted, Validity.of_days(self._days), grant.force)
        except FileExistsError:
            raise InvalidTokenError(f"{grant.name} has got a certificate in the meantime") from None
        why_not = self._register(grant, file) if self._register else "no project server is here"
        return {
            "certificate": file.read_text("ascii"),
            "name": grant.name,
            "projects": list(grant.projects),
            "server": self._server,
            "registered": not why_not,
        }
