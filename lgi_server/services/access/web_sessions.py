"""Sessions of the web interface: each belongs to one certificate and is useless without it.

A session only proves that a form was made for the browser that posts it; users and their rights are
identified by the certificate alone.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass

from lgi_server.auth.client_certificate import ClientCertificate
from lgi_server.db.transaction import Transaction
from lgi_server.tables import web_sessions

# Seconds without a page after which a session has ended, and between two updates of its last use.
IDLE_SECONDS, RENEW_SECONDS = 12 * 3600, 300
# Sessions of one certificate: a program without cookies gets a new one with each page.
MOST_EACH = 20


@dataclass(frozen=True)
class WebSession:
    """A session; ``key`` is in the browser's cookie, or will be if it ``is_new``.

    ``is_due``: its last use has to be stored.
    """

    key: str
    is_new: bool
    is_due: bool = False

    @property
    def token(self) -> str:
        """The token in the forms of the session, from which the key cannot be computed."""
        return hmac.new(self.key.encode(), b"form", hashlib.sha256).hexdigest()

    def has_made(self, token: str) -> bool:
        """Return whether a form with this token belongs to the session."""
        return not self.is_new and hmac.compare_digest(self.token.encode(), token.encode())


def find(transaction: Transaction, key: str, who: ClientCertificate, now: int) -> WebSession | None:
    """Return the session with a key, None unless it belongs to the certificate and has not ended."""
    used = web_sessions.find(transaction, _hash(key), _certificate(who)) if key else None
    if used is None or used < now - IDLE_SECONDS:
        return None
    return WebSession(key, is_new=False, is_due=used <= now - RENEW_SECONDS)


def renew(transaction: Transaction, session: WebSession, now: int) -> None:
    """Store that a session is used at ``now``, in seconds."""
    web_sessions.use(transaction, _hash(session.key), now)


def begin(transaction: Transaction, who: ClientCertificate, now: int) -> WebSession:
    """Return a new session, and delete ended ones and the oldest ones of a certificate with too many."""
    session = WebSession(secrets.token_urlsafe(32), is_new=True)
    web_sessions.forget(transaction, now - IDLE_SECONDS)
    web_sessions.keep(transaction, _certificate(who), MOST_EACH - 1)
    web_sessions.insert(transaction, _hash(session.key), _certificate(who), now)
    return session


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()


def _certificate(who: ClientCertificate) -> str:
    return hashlib.sha256(who.der).hexdigest()
