"""The issuing of certificates for tokens, independent of the network."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypedDict

from lgi_tools.certificates import csr
from lgi_tools.certificates.ca import LEAF_DAYS, Authority
from lgi_tools.certificates.profiles import Kind, Validity
from lgi_tools.certificates.subject import Subject
from lgi_tools.joining import tokens
from lgi_tools.joining.tokens import Grant, InvalidTokenError

# Registers a resource with the project server. Returns the reason when it fails, empty on success.
Register = Callable[[Grant, Path], str]


class BadRequestError(Exception):
    """A request is malformed; the text gives the reason."""


@dataclass(frozen=True)
class JoinRequest:
    """A request to join: the secret of a token, and a certificate signing request (PEM)."""

    secret: str
    csr: bytes


class JoinAnswer(TypedDict):
    """The answer to a request: the certificate (PEM), its name and projects, the project server's URL."""

    certificate: str
    name: str
    projects: list[str]
    server: str
    registered: bool


def read_request(body: bytes) -> JoinRequest:
    """Return a posted request (JSON). Raises BadRequestError."""
    try:
        posted = json.loads(body)
        secret, request = posted["token"], posted["request"]
    except (KeyError, TypeError, ValueError, RecursionError):
        raise BadRequestError("the request is not a JSON object with token and request") from None
    if not (isinstance(secret, str) and isinstance(request, str)):
        raise BadRequestError("token and request must be strings")
    try:
        secret.encode()
        return JoinRequest(secret, request.encode("ascii"))
    except UnicodeEncodeError:
        raise BadRequestError("token and request contain invalid characters") from None


class Issuer:
    """Issues certificates for tokens."""

    def __init__(
        self, directory: Path, server: str, register: Register | None = None, days: int = LEAF_DAYS
    ) -> None:
        """Use the CA in ``directory``; ``server`` is the project server's URL. Raises ValueError, OSError."""
        self.authority = Authority.open(directory)
        self._directory = directory
        self._server = server
        self._register = register
        self._days = days

    def join(self, request: JoinRequest) -> JoinAnswer:
        """Issue a certificate. After InvalidTokenError and BadRequestError the token stays valid.

        Raises OSError when the certificate could not be written; the token is used up then.
        """
        now = datetime.now(UTC)
        grant = tokens.find(self._directory, request.secret, now)
        try:
            key = csr.key_of(request.csr)
        except ValueError as error:
            raise BadRequestError(str(error)) from None
        grant = tokens.redeem(self._directory, request.secret, now)
        # Opened again, because the CA's certificate may have been renewed.
        self.authority = Authority.open(self._directory)
        subject = Subject(Kind.RESOURCE, grant.name, projects=grant.projects)
        try:
            file = self.authority.sign(key, subject, Validity.of_days(self._days), grant.force)
        except FileExistsError:
            raise InvalidTokenError(f"{grant.name} has received a certificate in the meantime") from None
        why_not = self._register(grant, file) if self._register else "no project server on this host"
        return {
            "certificate": file.read_text("ascii"),
            "name": grant.name,
            "projects": list(grant.projects),
            "server": self._server,
            "registered": not why_not,
        }
