"""The requests of a new resource or user to the enrolment server, authenticated by the token alone."""

import json
import ssl
import warnings
from collections.abc import Mapping
from hmac import compare_digest
from urllib.parse import urlsplit

import requests
import urllib3
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.x509.oid import NameOID

from lgi_protocol import common_name
from lgi_protocol.client import is_https
from lgi_protocol.deadline import deadline, with_deadline
from lgi_protocol.https_session import session_with
from lgi_protocol.reply import read_text
from lgi_protocol.transport_errors import root_cause
from lgi_protocol.value_object import value_object
from lgi_protocol.x509_builder import PrivateKey
from lgi_protocol.x509_errors import unreadable_as_value_error
from lgi_tools.certificates import csr
from lgi_tools.certificates.profiles import Kind
from lgi_tools.joining import tokens
from lgi_tools.joining.listener_url import DEFAULT_PORT, of_host
from lgi_tools.joining.tokens import Token

LISTENER = "LGI_certificates listen"

_LARGEST_ANSWER = 64 * 1024
_TIMEOUTS = (10.0, 70.0)
_ALL_SECONDS = 90.0


class JoinError(Exception):
    """The CA issued no usable certificate; the text gives the reason."""


class RefusedError(JoinError):
    """A server has answered with an error, which is ``reason``."""

    def __init__(self, url: str, reason: str) -> None:
        """Set the reason."""
        super().__init__(f"{url}: {reason}")
        self.reason = reason


@value_object
class Joined:
    """The answer of the enrolment server: PEM texts, name, groups, projects and project server."""

    certificate: str
    ca: str
    name: str
    projects: tuple[str, ...]
    server: str
    registered: bool
    groups: tuple[str, ...] = ()
    kind: str = Kind.RESOURCE


def fetch_ca(url: str, token: Token) -> str:
    """Return the CA certificate (PEM), authenticated by the key that the token names.

    No secret is sent before that. Raises JoinError for another CA.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with session_with(with_deadline(context), None, check_host=False) as session:
        try:
            pem = _text(session, "GET", f"{url}/ca.crt", None)
        except RefusedError as error:
            raise JoinError(_other_server(url, error.reason)) from None
    try:
        with unreadable_as_value_error():
            known = tokens.fingerprint(x509.load_pem_x509_certificate(pem.encode()))
    except ValueError:
        raise JoinError(_other_server(url, "no CA certificate")) from None
    if not compare_digest(known, token.authority):
        raise JoinError(
            f"the CA of {url} is not that of the token: check the URL and the token,"
            " and do not trust this server"
        )
    return pem


def _other_server(url: str, answer: str) -> str:
    """Return what to do about a server that is not that of the authority, as the project server itself."""
    meant = of_host(urlsplit(url).hostname or "", DEFAULT_PORT)
    also = "" if meant == url else f": by default {meant}, not the URL of the project server"
    return (
        f"{url} is not the address of {LISTENER}, it answers {answer}; give the URL that the"
        f" administrator has with the token{also}"
    )


def join(url: str, token: Token, key: PrivateKey, ca: str, name: str = "") -> Joined:
    """Request a certificate for a key. The server must have a certificate of that CA for its host name.

    A secret of many resources needs the ``name`` of this one. Raises JoinError, also for a certificate of
    another kind, name, key or CA.
    """
    body = {"token": token.secret, "request": csr.make(key).decode("ascii"), "kind": str(token.kind)}
    joined = _post(f"{url}/join", body | ({"resource_name": name} if name else {}), ca)
    check_certificate(joined, key)
    if joined.kind != token.kind:
        raise JoinError(f"the received certificate is for a {joined.kind}")
    if name and joined.name != name:
        raise JoinError(f"the received certificate is for {joined.name!r}")
    return joined


def renew(url: str, certificate: str, key: PrivateKey, ca: str) -> Joined:
    """Request the latest certificate of a user, who shows the present one (PEM). Raises as `join`."""
    body = {"certificate": certificate, "request": csr.make(key).decode("ascii")}
    renewed = _post(f"{url}/renew", body, ca)
    check_certificate(renewed, key)
    return renewed


def _post(url: str, body: Mapping[str, str], ca: str) -> Joined:
    context = with_deadline(ssl.create_default_context(cadata=ca))
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    with session_with(context, None) as session:
        # The context has the CA; requests would load its own CA file.
        session.verify = True
        text = _text(session, "POST", url, json.dumps(body).encode())
    try:
        answer = json.loads(text)
        return Joined(
            certificate=str(answer["certificate"]),
            ca=ca,
            name=str(answer["name"]),
            projects=tuple(str(one) for one in answer["projects"]),
            server=str(answer["server"]).rstrip("/"),
            registered=answer["registered"] is True,
            groups=tuple(str(one) for one in answer.get("groups", ())),
            kind=str(answer.get("kind", Kind.RESOURCE)),
        )
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError):
        raise JoinError(f"{url} sent an invalid answer") from None


def check_certificate(joined: Joined, key: PrivateKey) -> None:
    """Raise JoinError when the certificate of an answer does not fit the key or what the answer says."""
    try:
        with unreadable_as_value_error():
            made = x509.load_pem_x509_certificate(joined.certificate.encode())
            made.verify_directly_issued_by(x509.load_pem_x509_certificate(joined.ca.encode()))
            is_for_key = made.public_key() == key.public_key()
        (found,) = made.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        named = common_name.parse(str(found.value))
    except (ValueError, InvalidSignature) as error:
        raise JoinError(f"the received certificate cannot be used: {error or 'wrong CA'}") from None
    if not is_for_key:
        raise JoinError("the received certificate is for another key")
    if named.name != joined.name or not all(named.allows_project(one) for one in joined.projects):
        raise JoinError(f"the received certificate is for {found.value!r}")
    if joined.kind == Kind.USER and (named.groups or ()) != joined.groups:
        raise JoinError(f"the received certificate is for {found.value!r}")
    if (joined.kind != Kind.USER and not joined.projects) or not is_https(joined.server):
        raise JoinError("the answer names no project, or a project server without https://")


def _text(session: requests.Session, method: str, url: str, body: bytes | None) -> str:
    try:
        with warnings.catch_warnings(), deadline(_ALL_SECONDS):
            warnings.simplefilter("ignore", urllib3.exceptions.InsecureRequestWarning)
            with session.request(
                method, url, data=body, timeout=_TIMEOUTS, allow_redirects=False, stream=True
            ) as answer:
                text = read_text(answer, _LARGEST_ANSWER)
    except (requests.RequestException, urllib3.exceptions.HTTPError, ValueError) as error:
        raise JoinError(f"{url}: {root_cause(error)}") from error
    if answer.status_code != 200:
        raise RefusedError(url, _why(text) or f"HTTP {answer.status_code}")
    return text


def _why(text: str) -> str:
    try:
        return str(json.loads(text)["error"])[:500]
    except (KeyError, TypeError, ValueError, RecursionError):
        return ""
