"""The sessions of resources: opened at sign-up, renewed by use, ended with their locks."""

from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_server.db.errors import StatementError
from lgi_server.db.transaction import Transaction
from lgi_server.services.jobs import locking
from lgi_server.tables import running_sessions
from lgi_server.tables.active_resources import ResourceRow

# A session is dead after so many seconds without a call (wire.md 3).
IDLE_SECONDS = 1800
# So many dead sessions are cleared away by one sign-up.
AT_ONCE = 5


def sign_up(transaction: Transaction, resource: ResourceRow, now: int) -> int:
    """Open a session. Some dead ones, whoever's they are, and old locks of no session at all, go first."""
    for session_id in running_sessions.expired(transaction, now - IDLE_SECONDS, AT_ONCE):
        locking.free_session(transaction, session_id)
        running_sessions.delete(transaction, session_id)
    locking.free_abandoned(transaction, now - IDLE_SECONDS)
    try:
        return running_sessions.insert(transaction, resource.resource_id, now)
    except StatementError as failed:
        raise LGIError(ErrorNumber.SESSION_NOT_MADE) from failed


def sign_off(transaction: Transaction, session_id: int) -> None:
    """End a session and free what it has locked."""
    locking.free_session(transaction, session_id)
    running_sessions.delete(transaction, session_id)
