"""The sessions of the web interface: each belongs to one certificate and is worth nothing without it.

A session only proves that a form was made for the browser that posts it; who somebody is, and may do, is said
by the certificate alone.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass

from lgi_server.auth.client_certificate import ClientCertificate
from lgi_server.db.transaction import Transaction
from lgi_server.tables import web_sessions

# A session is over after half a day without a page; that it is used is noted every five minutes.
IDLE_SECONDS, NOTED_SECONDS = 12 * 3600, 300
# Of one certificate: a program that keeps no cookies gets a new one with each page.
MOST_EACH = 20


@dataclass(frozen=True)
class WebSession:
    """A session by what the browser keeps; ``is_new`` until it does, ``is_noted`` while no note is due."""

    key: str
    is_new: bool
    is_noted: bool = True

    @property
    def token(self) -> str:
        """What the session's forms carry; nobody learns the key from it."""
        return hmac.new(self.key.encode(), b"form", hashlib.sha256).hexdigest()

    def has_made(self, token: str) -> bool:
        """Return whether a form is one of this session's."""
        return not self.is_new and hmac.compare_digest(self.token.encode(), token.encode())


def known(transaction: Transaction, key: str, who: ClientCertificate, now: int) -> WebSession | None:
    """Return the session a browser says it has, if it is this certificate's and has not ended."""
    used = web_sessions.find(transaction, _hash(key), _certificate(who)) if key else None
    if used is None or used < now - IDLE_SECONDS:
        return None
    return WebSession(key, is_new=False, is_noted=used > now - NOTED_SECONDS)


def note(transaction: Transaction, session: WebSession, now: int) -> None:
    """Have a session last longer."""
    web_sessions.use(transaction, _hash(session.key), now)


def begin(transaction: Transaction, who: ClientCertificate, now: int) -> WebSession:
    """Return a new session; those that have ended, and the oldest of too many of one certificate, go."""
    session = WebSession(secrets.token_urlsafe(32), is_new=True)
    web_sessions.forget(transaction, now - IDLE_SECONDS)
    web_sessions.keep(transaction, _certificate(who), MOST_EACH - 1)
    web_sessions.insert(transaction, _hash(session.key), _certificate(who), now)
    return session


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()


def _certificate(who: ClientCertificate) -> str:
    return hashlib.sha256(who.der).hexdigest()
