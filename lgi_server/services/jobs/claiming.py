"""Handing out work: queued jobs, each locked for the session that asked."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_server.db.transaction import Transaction
from lgi_server.services.jobs import event_log, licences, locking
from lgi_server.services.jobs.licences import Amounts, LicencePool
from lgi_server.tables import licence_wishes as licence_table
from lgi_server.tables import running_locks
from lgi_server.tables.active_resources import ResourceRow
from lgi_server.tables.job_queue import claims
from lgi_server.tables.job_queue.jobs import JobRow

DEFAULT_LIMIT, MOST = 10, 256
# A page that starts this many pages down is answered empty: nobody looks that far for work.
PAGES = 16


@dataclass(frozen=True)
class WorkRequest:
    """What a resource asks for."""

    application: str
    start: int
    limit: int
    owners: tuple[str, ...]


@dataclass(frozen=True)
class GrantableLicences:
    """What can be started now: the wishes for licences that can be granted, and to how many jobs each."""

    totals: Amounts
    wishes: Mapping[str, int]


def grantable(
    transaction: Transaction, session_id: int, application: str, totals: Amounts
) -> GrantableLicences:
    """Return what can be started; LGIError HOLDS_LOCKS while the session still has a job locked."""
    if not totals:
        # Then no job wishes any, and no other look is needed.
        check_no_locks(transaction, session_id)
        return GrantableLicences(totals, claims.NO_LICENCES)
    standing = licence_table.demand(transaction, session_id, application)
    if standing.locks:
        raise LGIError(ErrorNumber.HOLDS_LOCKS)
    stock = LicencePool(totals, standing.held)
    return GrantableLicences(totals, {**claims.NO_LICENCES, **licences.grantable(stock, standing.wanted)})


def check_no_locks(transaction: Transaction, session_id: int) -> None:
    """LGIError HOLDS_LOCKS while the session still has a job locked."""
    if running_locks.of_session(transaction, session_id):
        raise LGIError(ErrorNumber.HOLDS_LOCKS)


def count(
    transaction: Transaction, resource: ResourceRow, request: WorkRequest, now_possible: GrantableLicences
) -> int:
    """Return how many jobs could be offered now; licences are not counted against each other."""
    name, wishes = resource.resource_name, now_possible.wishes
    return claims.count(transaction, request.application, name, request.owners, wishes)


def claim(
    transaction: Transaction,
    resource: ResourceRow,
    session_id: int,
    request: WorkRequest,
    now_possible: GrantableLicences,
    *,
    now: int,
) -> list[JobRow]:
    """Return the offered jobs, oldest priority first, each locked for the session.

    The lock gives each job its licences.
    """
    if request.start >= PAGES * request.limit:
        return []
    taken = _take(transaction, resource, request, now_possible.wishes)
    offered = licences.grant(transaction, taken, now_possible.totals)
    if taken and not offered:
        # Others have taken the licences at this moment; that must not hide what needs none.
        offered = _take(transaction, resource, request, claims.NO_LICENCES)
    locking.lock_all(transaction, offered, resource, session_id, now)
    if offered:
        transaction.on_commit(partial(event_log.log_offered, offered, resource.resource_name))
    return offered


def _take(
    transaction: Transaction, resource: ResourceRow, request: WorkRequest, wishes: Mapping[str, int]
) -> list[JobRow]:
    return claims.claim_jobs(
        transaction,
        request.application,
        resource.resource_name,
        request.owners,
        request.start,
        limit=min(request.limit, MOST),
        wishes=wishes,
    )
