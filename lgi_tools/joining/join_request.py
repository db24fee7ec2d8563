"""The requests that the enrolment server gets, checked before anything sees them."""

import json
from typing import TYPE_CHECKING

from lgi_protocol.value_object import value_object
from lgi_tools.certificates import csr
from lgi_tools.certificates.profiles import Kind

if TYPE_CHECKING:
    # Slow to load: csr imports it when it needs it.
    from lgi_protocol.x509_builder import PublicKey


class BadRequestError(Exception):
    """A request is malformed; the text gives the reason."""


@value_object
class JoinRequest:
    """A request to join: the secret of a token, and a certificate signing request (PEM).

    With the enrolment secret of many resources it has the ``name`` of the new one.
    """

    secret: str
    csr: bytes
    kind: Kind = Kind.RESOURCE
    name: str = ""


@value_object
class RenewalRequest:
    """A request to renew a certificate (PEM), signed with its key as a certificate signing request (PEM)."""

    certificate: bytes
    csr: bytes


def read_request(body: bytes) -> JoinRequest:
    """Return a posted request to join (JSON). Raises BadRequestError."""
    defaults = {"token": "", "request": "", "kind": Kind.RESOURCE, "resource_name": " "}
    secret, request, kind, name = _fields(body, defaults)
    if kind not in {Kind.RESOURCE, Kind.USER}:
        raise BadRequestError("the kind is neither resource nor user")
    return JoinRequest(secret, _ascii(request), Kind(kind), name.strip(" "))


def read_renewal(body: bytes) -> RenewalRequest:
    """Return a posted request to renew a certificate (JSON). Raises BadRequestError."""
    certificate, request = _fields(body, {"certificate": "", "request": ""})
    return RenewalRequest(_ascii(certificate), _ascii(request))


def _fields(body: bytes, defaults: dict[str, str]) -> list[str]:
    """Return the strings of a JSON object; those with an empty default are required."""
    try:
        posted = json.loads(body)
        found = [posted.get(name, default) if default else posted[name] for name, default in defaults.items()]
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError):
        required = " and ".join(name for name, default in defaults.items() if not default)
        raise BadRequestError(f"the request is not a JSON object with {required}") from None
    if not all(isinstance(one, str) for one in found):
        raise BadRequestError(f"{', '.join(defaults)} must be strings")
    try:
        "".join(found).encode()
    except UnicodeEncodeError:
        raise BadRequestError("the request contains invalid characters") from None
    return found


def key_of(request: bytes) -> "PublicKey":
    """Return the key of a certificate signing request (PEM). Raises BadRequestError."""
    try:
        return csr.key_of(request)
    except ValueError as error:
        raise BadRequestError(str(error)) from None


def _ascii(text: str) -> bytes:
    try:
        return text.encode("ascii")
    except UnicodeEncodeError:
        raise BadRequestError("the request contains invalid characters") from None
