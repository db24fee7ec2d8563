"""Why a job does not run, as far as its project server knows, and a reader of the job may know it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from lgi_protocol import capabilities, comma_lists, states
from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_protocol.states import State
from lgi_server.db.transaction import Transaction
from lgi_server.services.access.principals import UserPrincipal
from lgi_server.services.access.resource_sessions import IDLE_SECONDS
from lgi_server.services.jobs import licences
from lgi_server.services.jobs.licences import Amounts
from lgi_server.services.jobs.targets import offers as is_offered
from lgi_server.tables import active_resources
from lgi_server.tables.active_resources import NO_SERVER, ResourceRow
from lgi_server.tables.job_queue import jobs, positions
from lgi_server.tables.job_queue.jobs import JobRow
from lgi_server.tables.running_locks import Lock


class Reason(StrEnum):
    """Why a job does not run, and what a resource has to do with it."""

    ENDED = "ended"
    RUNNING = "running"
    ABORTING = "aborting"
    LOCKED = "locked"
    NO_LICENCES = "no_licences"
    NO_OFFER = "no_offer"
    NO_TARGET = "no_target"
    LACKS = "lacks"
    SILENT = "silent"
    UNAVAILABLE = "unavailable"
    MAY_TAKE = "may_take"


MESSAGES = {
    Reason.ENDED: "it has ended",
    Reason.RUNNING: "it runs",
    Reason.ABORTING: "it is being aborted",
    Reason.LOCKED: "a resource is just looking at it",
    Reason.NO_LICENCES: "not all of the licences it wants are free",
    Reason.NO_OFFER: "no resource offers its application now",
    Reason.NO_TARGET: "none of its target resources offers its application now",
    Reason.LACKS: "none of its target resources has what it asks for",
    Reason.SILENT: "no resource that could take it has called for half an hour",
    Reason.UNAVAILABLE: "the resources that could take it say that they take no jobs of its application now",
    Reason.MAY_TAKE: "resources that may take it have not yet: they are full, or their own limits say no",
}


@dataclass(frozen=True)
class ResourceVerdict:
    """How a resource stands to a job; ``running`` are its jobs of the same application.

    ``lacks`` is what it has, by its own word, too little of for the job; ``unavailable`` why, by its own
    word too, it takes no jobs of the application now.
    """

    resource: ResourceRow
    is_offering: bool
    is_target: bool
    lacks: str
    reason: Reason
    running: int
    unavailable: str = ""

    @property
    def is_able(self) -> bool:
        """Whether it could take the job, were it there."""
        return self.is_offering and self.is_target and not self.lacks


@dataclass(frozen=True)
class LicenceNeed:
    """A licence that a job wants: how many of them, how many there are, and how many jobs have now."""

    name: str
    wanted: int
    total: int
    used: int


@dataclass(frozen=True)
class Explanation:
    """How a job stands. ``before`` is how many queued ones of its application come first, up to a bound.

    ``locked_since`` is in Unix seconds.
    """

    job: JobRow
    reason: Reason
    locked_by: str
    locked_since: int
    before: int
    standpoints: Sequence[ResourceVerdict]
    needs: Sequence[LicenceNeed]


def explain(
    transaction: Transaction, user: UserPrincipal, job_id: int, totals: Amounts, now: int
) -> Explanation:
    """Return how a job stands; LGIError NO_JOB, or 34 for whoever may not read it."""
    found = jobs.with_lock(transaction, job_id)
    if found is None:
        raise LGIError(ErrorNumber.NO_JOB, f"job {job_id}")
    job, lock = found
    if not comma_lists.contains_any(job.read_access, user.names):
        raise LGIError(ErrorNumber.READ_REFUSED, f"job {job_id}")
    everyone = active_resources.everyone(transaction)
    needs = _needs(transaction, job, totals)
    if job.state != State.QUEUED:
        return Explanation(job, _not_queued(job), *_holder(lock, everyone), 0, (), needs)
    running = positions.count_running(transaction, job.application)
    resources = [one for one in everyone if one.project_server == NO_SERVER]
    standpoints = [_standpoint(job, one, running.get(one.resource_name, 0), now) for one in resources]
    reason = _queued(job, lock, needs, standpoints)
    before = positions.count_ahead(transaction, job)
    return Explanation(job, reason, *_holder(lock, everyone), before, standpoints, needs)


def _not_queued(job: JobRow) -> Reason:
    kinds: Mapping[State, Reason] = {State.RUNNING: Reason.RUNNING, State.ABORTING: Reason.ABORTING}
    return kinds.get(states.normalized(job.state), Reason.ENDED)


def _queued(
    job: JobRow, lock: Lock | None, needs: Sequence[LicenceNeed], standpoints: Sequence[ResourceVerdict]
) -> Reason:
    """Return the first thing that keeps a queued job waiting.

    What keeps it from every resource comes first.
    """
    if lock is not None or job.lock_state > 0:
        return Reason.LOCKED
    for reason, is_so in (
        (Reason.NO_OFFER, [one.is_offering for one in standpoints]),
        (Reason.NO_TARGET, [one.is_offering and one.is_target for one in standpoints]),
        (Reason.LACKS, [one.is_able for one in standpoints]),
        (Reason.SILENT, [one.reason in {Reason.MAY_TAKE, Reason.UNAVAILABLE} for one in standpoints]),
        (Reason.UNAVAILABLE, [one.reason is Reason.MAY_TAKE for one in standpoints]),
    ):
        if not any(is_so):
            return reason
    if any(need.used + need.wanted > need.total for need in needs):
        return Reason.NO_LICENCES
    return Reason.MAY_TAKE


def _standpoint(job: JobRow, resource: ResourceRow, running: int, now: int) -> ResourceVerdict:
    is_offering = is_offered(resource, job.application)
    is_target = comma_lists.contains_any(job.target_resources, [resource.resource_name])
    lacks = capabilities.missing_capability(
        resource.resource_capabilities, job.application, job.job_specifics
    )
    unavailable = capabilities.unavailable_reason(resource.resource_capabilities, job.application)
    reason = Reason.MAY_TAKE
    if not is_offering:
        reason = Reason.NO_OFFER
    elif not is_target:
        reason = Reason.NO_TARGET
    elif lacks:
        reason = Reason.LACKS
    elif resource.last_call_time < now - IDLE_SECONDS:
        reason = Reason.SILENT
    elif unavailable:
        reason = Reason.UNAVAILABLE
    return ResourceVerdict(resource, is_offering, is_target, lacks, reason, running, unavailable)


def _needs(transaction: Transaction, job: JobRow, totals: Amounts) -> list[LicenceNeed]:
    wanted = licences.parse(job.licences)
    used = licences.used(transaction) if wanted else {}
    return [
        LicenceNeed(name, number, totals.get(name, 0), used.get(name, 0))
        for name, number in sorted(wanted.items())
    ]


def _holder(lock: Lock | None, everyone: Sequence[ResourceRow]) -> tuple[str, int]:
    """Return the name of the resource that has locked a job, and since when; empty and 0 for none."""
    if lock is None:
        return "", 0
    name = next((one.resource_name for one in everyone if one.resource_id == lock.resource_id), "")
    return name, lock.lock_time
