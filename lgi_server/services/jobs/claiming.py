"""Claims: queued jobs that are offered to a resource, each locked for the session that asked for work."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_server.db.transaction import Transaction
from lgi_server.services.jobs import event_log, licences, locking, project_limits
from lgi_server.services.jobs.licences import Amounts, LicencePool
from lgi_server.tables import licence_wishes as licence_table
from lgi_server.tables import running_locks
from lgi_server.tables.active_resources import ResourceRow
from lgi_server.tables.job_queue import claims
from lgi_server.tables.job_queue.jobs import SHORT, JobRow
from lgi_server.tables.licence_wishes import LicenceDemand

DEFAULT_LIMIT, MOST = 10, 256
# A request that starts this many pages down gets no jobs: no daemon searches that far.
PAGES = 16


@dataclass(frozen=True)
class WorkRequest:
    """A request for work: ``limit`` jobs of an application after the first ``start`` ones.

    ``owners`` are names that an owner must have, and with "!" names that none may have. Jobs in ``without``
    are not wanted, with ``urgent_only`` none but urgent ones are, with ``skips_gpus`` none that requests
    GPUs.
    """

    application: str
    start: int
    limit: int
    owners: tuple[str, ...]
    without: frozenset[int] = frozenset()
    urgent_only: bool = False
    skips_gpus: bool = False


@dataclass(frozen=True)
class GrantableLicences:
    """The requests for licences that can be granted now, and to how many jobs each."""

    totals: Amounts
    requests: Mapping[str, int]


def grantable(
    transaction: Transaction, session_id: int, application: str, totals: Amounts
) -> GrantableLicences:
    """Return the licences that can be granted; LGIError HOLDS_LOCKS while the session has a job locked."""
    if not totals:
        # Without licences in the project no job requests any.
        check_no_locks(transaction, session_id)
        return GrantableLicences(totals, claims.NO_LICENCES)
    demand = licence_table.demand(transaction, session_id, application)
    if demand.locks:
        raise LGIError(ErrorNumber.HOLDS_LOCKS)
    return _of_demand(totals, demand)


def grantable_without_session(
    transaction: Transaction, application: str, totals: Amounts
) -> GrantableLicences:
    """Return the licences that can be granted, to who has no session and so no locks."""
    if not totals:
        return GrantableLicences(totals, claims.NO_LICENCES)
    return _of_demand(totals, licence_table.demand(transaction, 0, application))


def _of_demand(totals: Amounts, demand: LicenceDemand) -> GrantableLicences:
    pool = LicencePool(totals, demand.held)
    return GrantableLicences(totals, {**claims.NO_LICENCES, **licences.grantable(pool, demand.requests)})


def check_no_locks(transaction: Transaction, session_id: int) -> None:
    """Raise LGIError HOLDS_LOCKS while the session has a job locked."""
    if running_locks.of_session(transaction, session_id):
        raise LGIError(ErrorNumber.HOLDS_LOCKS)


def count(
    transaction: Transaction,
    resource: ResourceRow,
    request: WorkRequest,
    available: GrantableLicences,
    most_running: int = 0,
) -> int:
    """Return how many jobs could be offered now, as if each of them had the free licences to itself.

    None while the project runs ``most_running`` jobs, 0 for any number.
    """
    if resource.is_drained or project_limits.is_full(transaction, most_running):
        return 0
    name = resource.resource_name
    return claims.count(transaction, request.application, name, request.owners, available.requests)


def claim(
    transaction: Transaction,
    resource: ResourceRow,
    session_id: int,
    request: WorkRequest,
    available: GrantableLicences,
    *,
    now: int,
    most_running: int = 0,
) -> list[JobRow]:
    """Return the offered jobs, lowest priority first, each locked for the session.

    A locked job holds the licences that it requests, and is one of the ``most_running`` that the project may
    run at once, 0 for any number.
    """
    free = project_limits.free_places(transaction, most_running)
    if free <= 0:
        return []
    request = replace(request, limit=min(request.limit, free))
    offered = select(transaction, resource, request, available)
    locking.lock_all(transaction, offered, resource, session_id, now)
    if offered:
        transaction.on_commit(partial(event_log.log_offered, offered, resource.resource_name))
    return offered


def select(
    transaction: Transaction,
    resource: ResourceRow,
    request: WorkRequest,
    available: GrantableLicences,
    *,
    granted: Sequence[JobRow] = (),
    columns: str = SHORT,
) -> list[JobRow]:
    """Return jobs that a resource may have now, lowest priority first, with their rows locked.

    ``granted`` are jobs that were selected before in the same transaction, ``columns`` those to read. A
    resource that is drained gets none.
    """
    if resource.is_drained or request.start >= PAGES * request.limit:
        return []
    taken = _take(transaction, resource, request, available.requests, columns)
    offered = licences.grant(transaction, taken, available.totals, granted)
    if taken and not offered:
        # Other sessions have just taken the licences; jobs without a request are offered all the same.
        offered = _take(transaction, resource, request, claims.NO_LICENCES, columns)
    return offered


def _take(
    transaction: Transaction,
    resource: ResourceRow,
    request: WorkRequest,
    requests: Mapping[str, int],
    columns: str,
) -> list[JobRow]:
    return claims.claim_jobs(
        transaction,
        request.application,
        resource.resource_name,
        request.owners,
        request.start,
        limit=min(request.limit, MOST),
        requests=requests,
        without=request.without,
        skips_gpus=request.skips_gpus,
        columns=columns,
        urgent_only=request.urgent_only,
    )
