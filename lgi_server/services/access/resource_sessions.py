"""Sessions of resources: opened at sign-up, renewed by use, ended together with their locks."""

from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_server.db.errors import StatementError
from lgi_server.db.transaction import Transaction
from lgi_server.services.jobs import locking
from lgi_server.tables import running_sessions
from lgi_server.tables.active_resources import ResourceRow

# Idle sessions that one sign-up removes.
AT_ONCE = 5


def sign_up(transaction: Transaction, resource: ResourceRow, idle_limit: int, now: int) -> int:
    """Open a session and return its session_id; some idle sessions and abandoned locks are removed first.

    A session is idle after ``idle_limit`` seconds without a call.
    """
    for session_id in running_sessions.expired(transaction, now - idle_limit, AT_ONCE):
        locking.free_session(transaction, session_id)
        running_sessions.delete(transaction, session_id)
    locking.free_abandoned(transaction, now - idle_limit)
    try:
        return running_sessions.insert(transaction, resource.resource_id, now)
    except StatementError as failed:
        raise LGIError(ErrorNumber.SESSION_NOT_MADE) from failed


def sign_off(transaction: Transaction, session_id: int) -> None:
    """End a session and unlock its jobs."""
    locking.free_session(transaction, session_id)
    running_sessions.delete(transaction, session_id)
