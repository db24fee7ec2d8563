"""The issuing of certificates for tokens, and their renewal, independent of the network."""

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from lgi_protocol import common_name
from lgi_protocol.certificate_files import file_stem
from lgi_protocol.x509_errors import unreadable_as_value_error
from lgi_tools.certificates import csr, inventory, profiles
from lgi_tools.certificates.archive import read_certificate
from lgi_tools.certificates.ca import LEAF_DAYS, Authority
from lgi_tools.certificates.profiles import Kind, Validity
from lgi_tools.certificates.subject import Subject
from lgi_tools.joining import enrolment_secret, tokens
from lgi_tools.joining.join_request import BadRequestError, JoinRequest, RenewalRequest, key_of
from lgi_tools.joining.tokens import Grant, InvalidTokenError

if TYPE_CHECKING:
    # Slow to load: csr imports it when it needs it.
    from lgi_protocol.x509_builder import PublicKey

# Registers who has joined with the project server. Returns the reason when it fails, empty on success;
# raises RegistrationTimeoutError when it is not known to have failed.
Register = Callable[[Grant, Path], str]
# A certificate is renewed when it is valid for less than this; before that the present one is the answer.
RENEWAL = timedelta(days=90)


class RefusedRenewalError(Exception):
    """A certificate is not renewed; the text gives the reason."""


class JoinAnswer(TypedDict):
    """The answer to a request: the certificate (PEM), its name, groups and projects, the project server."""

    certificate: str
    kind: str
    name: str
    groups: list[str]
    projects: list[str]
    server: str
    registered: bool


class Issuer:
    """Issues certificates for tokens, and renews those of users."""

    def __init__(
        self,
        directory: Path,
        server: str,
        register: Register | None = None,
        days: int = LEAF_DAYS,
        *,
        renews: bool = True,
    ) -> None:
        """Use the CA in ``directory``; ``server`` is the project server's URL. Raises ValueError, OSError."""
        self._renews = renews
        self.authority = Authority.open(directory)
        self._directory = directory
        self._server = server
        self._register = register
        self._days = days

    def join(self, request: JoinRequest) -> JoinAnswer:
        """Issue a certificate. The first request for it binds the token to its key.

        The same request may be repeated after any error, and after an answer that was lost. Raises
        InvalidTokenError, BadRequestError, RegistrationTimeoutError, OSError when nothing could be written.
        """
        now = datetime.now(UTC)
        if request.name:
            return self._enrol(request, now)
        tokens.find(self._directory, request.secret, now, request.kind)
        key = key_of(request.csr)
        named = tokens.key_fingerprint(key)
        with tokens.redeem(self._directory, request.secret, now, named, request.kind) as token:
            grant = token.grant
            # Opened again, because the CA's certificate may have been renewed.
            self.authority = Authority.open(self._directory)
            if token.is_issued:
                file = self._issued(grant, key)
            else:
                file = self._sign(grant, key, is_repeated=bool(token.key))
        return self._answer(grant.kind, file, registered=self._is_registered(grant, file))

    def _enrol(self, request: JoinRequest, now: datetime) -> JoinAnswer:
        """Issue a certificate for the enrolment secret, or return the one that the key has."""
        if request.kind is not Kind.RESOURCE:
            raise BadRequestError("only a resource joins with a secret of many")
        key = key_of(request.csr)
        with enrolment_secret.redeem(self._directory, request.secret, request.name, now) as used:
            grant, self.authority = used.grant, Authority.open(self._directory)
            file = self._issued(grant, key) if used.is_issued else self._sign(grant, key, is_repeated=True)
        return self._answer(grant.kind, file, registered=self._is_registered(grant, file))

    def _sign(self, grant: Grant, key: "PublicKey", *, is_repeated: bool) -> Path:
        """Return the new certificate, or that which the interrupted request has made."""
        subject = Subject(grant.kind, grant.name, grant.groups, grant.projects)
        if is_repeated:
            with suppress(InvalidTokenError):
                return self._issued(grant, key)
        try:
            return self.authority.sign(key, subject, Validity.of_days(self._days), grant.force)
        except FileExistsError:
            raise InvalidTokenError(f"{grant.name} has received a certificate in the meantime") from None

    def _issued(self, grant: Grant, key: "PublicKey") -> Path:
        """Return the present certificate of a name, if it is for the key. Raises InvalidTokenError."""
        file = self._directory / f"{file_stem(grant.name)}.crt"
        try:
            latest = read_certificate(file)
            self.authority.check_signed(latest, file)
        except (FileNotFoundError, ValueError):
            raise InvalidTokenError(f"the certificate of {grant.name} was revoked or removed") from None
        if latest.public_key() != key:
            raise InvalidTokenError(f"{grant.name} has received a certificate for another key since")
        return file

    def _is_registered(self, grant: Grant, file: Path) -> bool:
        """Register a resource, or the rule of a user, and return whether that is done."""
        if grant.kind is Kind.USER and not grant.limit:
            return True
        return self._register is not None and not self._register(grant, file)

    def _answer(self, kind: Kind, file: Path, registered: bool = True) -> JoinAnswer:
        name = common_name.parse(inventory.name_of(read_certificate(file)))
        return {
            "certificate": file.read_text("ascii"),
            "kind": kind,
            "name": name.name,
            "groups": list(name.groups or ()),
            "projects": list(name.projects or ()),
            "server": self._server,
            "registered": registered,
        }

    def renew(self, request: RenewalRequest) -> JoinAnswer:
        """Return the latest certificate of a user, renewed when it expires within `RENEWAL`.

        The request is signed with the key of a valid certificate, and whoever repeats it learns a certificate
        for that key only. Raises RefusedRenewalError, BadRequestError, OSError.
        """
        if not self._renews:
            raise RefusedRenewalError("certificates are not renewed here: ask for a new token")
        self.authority = Authority.open(self._directory)
        name = self._holder(request, datetime.now(UTC))
        file = self._directory / f"{file_stem(name)}.crt"
        try:
            latest = read_certificate(file)
            self.authority.check_signed(latest, file)
            if latest.public_key() != csr.key_of(request.csr):
                raise RefusedRenewalError(f"{name} has received a certificate for another key since")
            if latest.not_valid_after_utc - datetime.now(UTC) < RENEWAL:
                self.authority.renew(name, Validity.of_days(self._days))
        except (FileNotFoundError, ValueError):
            raise RefusedRenewalError(f"the certificate of {name} is revoked or not known here") from None
        return self._answer(Kind.USER, file)

    def _holder(self, request: RenewalRequest, now: datetime) -> str:
        """Return the name of the user who has signed a request with the key of a valid certificate."""
        from cryptography import x509

        try:
            key = csr.key_of(request.csr)
            with unreadable_as_value_error():
                shown = x509.load_pem_x509_certificate(request.certificate)
                is_its_key = shown.public_key() == key
            name = common_name.parse(inventory.name_of(shown)).name
        except ValueError as error:
            raise BadRequestError(str(error)) from None
        try:
            self.authority.check_signed(shown, Path(f"the certificate of {name}"))
        except ValueError as error:
            raise RefusedRenewalError(str(error)) from None
        if not is_its_key:
            raise RefusedRenewalError("the request is not signed with the key of the certificate")
        if profiles.kind_of(shown) is not Kind.USER:
            raise RefusedRenewalError("only certificates of users are renewed here")
        if not shown.not_valid_before_utc <= now < shown.not_valid_after_utc:
            raise RefusedRenewalError("the certificate has expired: ask for a new token")
        return name
