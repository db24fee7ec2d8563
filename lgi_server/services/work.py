"""Handing out work: queued jobs, each locked for the session that asked."""

from dataclasses import dataclass
from functools import partial

from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_server.database import Transaction
from lgi_server.services import locking, story
from lgi_server.tables import locks, offers
from lgi_server.tables.active_resources import Resource
from lgi_server.tables.jobs import Job

DEFAULT_LIMIT, MOST = 10, 256
# A page that starts this many pages down is answered empty: nobody looks that far for work.
PAGES = 16


@dataclass(frozen=True)
class Request:
    """What a resource asks for."""

    application: str
    start: int
    limit: int
    owners: tuple[str, ...]


def check_no_locks(transaction: Transaction, session_id: int) -> None:
    """LGIError 17 while the session still has a job locked."""
    if locks.of_session(transaction, session_id):
        raise LGIError(ErrorNumber.HOLDS_LOCKS)


def count(transaction: Transaction, resource: Resource, request: Request) -> int:
    """How many jobs could be offered now."""
    return offers.count(transaction, request.application, resource.resource_name, request.owners)


def offer(
    transaction: Transaction, resource: Resource, session_id: int, request: Request, now: int
) -> list[Job]:
    """The offered jobs, oldest priority first, each locked for the session."""
    if request.start >= PAGES * request.limit:
        return []
    offered = offers.take(
        transaction,
        request.application,
        resource.resource_name,
        request.owners,
        request.start,
        min(request.limit, MOST),
    )
    locking.take(transaction, offered, resource, session_id, now)
    if offered:
        transaction.afterwards(partial(story.offered, offered, resource.resource_name))
    return offered
