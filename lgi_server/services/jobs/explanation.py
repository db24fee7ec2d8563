"""Explanations of why a job does not run, from what its project server knows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lgi_protocol import comma_lists, states
from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_protocol.states import State
from lgi_server.config.model import ProjectConfig
from lgi_server.db.transaction import Transaction
from lgi_server.services.access.principals import UserPrincipal
from lgi_server.services.jobs import holds, licences, locking, project_limits, wait_reasons
from lgi_server.services.jobs.licences import Amounts
from lgi_server.services.jobs.verdicts import Reason, ResourceVerdict, judge
from lgi_server.services.jobs.wait_reasons import ResourceWait
from lgi_server.services.notifications import status
from lgi_server.services.notifications.status import NotificationStatus
from lgi_server.tables import active_resources, job_dependencies, job_exclusions
from lgi_server.tables.active_resources import NO_SERVER, ResourceRow
from lgi_server.tables.job_dependencies import Predecessor
from lgi_server.tables.job_queue import jobs, positions
from lgi_server.tables.job_queue.jobs import JobRow
from lgi_server.tables.running_locks import Lock

# Verdicts on resources that could take a job, and have called lately.
_CALLING = frozenset({Reason.MAY_TAKE, Reason.UNAVAILABLE, Reason.FAILED})


@dataclass(frozen=True)
class LicenceNeed:
    """A licence that a job requests: how many (``number``), the project's total, and those in use."""

    name: str
    number: int
    total: int
    used: int


@dataclass(frozen=True)
class Explanation:
    """Why a job does not run. ``before`` is the number of queued jobs before it, at most `positions.MOST`.

    ``locked_since`` is in seconds; ``waits`` are the first of the ``count_of_waits`` jobs
    that a held one follows. ``resource_wait`` is why a resource that has, or had, the job does not run it.
    """

    job: JobRow
    reason: Reason
    locked_by: str
    locked_since: int
    before: int
    verdicts: Sequence[ResourceVerdict]
    needs: Sequence[LicenceNeed]
    waits: Sequence[Predecessor] = ()
    count_of_waits: int = 0
    notification: NotificationStatus | None = None
    resource_wait: ResourceWait | None = None


def explain(
    transaction: Transaction, user: UserPrincipal, job_id: int, project: ProjectConfig, now: int
) -> Explanation:
    """Return why a job of a project does not run; LGIError NO_JOB or READ_REFUSED."""
    found = jobs.with_lock(transaction, job_id)
    if found is None:
        raise LGIError(ErrorNumber.NO_JOB, f"job {job_id}")
    job, lock = found
    if not comma_lists.contains_any(job.read_access, user.names):
        raise LGIError(ErrorNumber.READ_REFUSED, f"job {job_id}")
    (job,) = holds.with_holds(transaction, [job])
    everyone = active_resources.everyone(transaction)
    needs = _needs(transaction, job, project.licences)
    told = status.of_job(transaction, job, user.name)
    if job.state != State.QUEUED:
        reason = _not_queued(job)
        holder = _holder(lock, everyone)
        wait = wait_reasons.of_job(transaction, job_id) if reason is Reason.RUNNING else None
        return Explanation(job, reason, *holder, 0, (), needs, notification=told, resource_wait=wait)
    running = positions.count_running(transaction, job.application)
    resources = [one for one in everyone if one.project_server == NO_SERVER]
    excluded = job_exclusions.of_job(transaction, job_id)
    verdicts = [judge(job, one, running.get(one.resource_name, 0), now, excluded) for one in resources]
    reason = _queued(job, lock, needs, verdicts)
    if reason is Reason.MAY_TAKE and project_limits.is_full(transaction, project.max_running_jobs):
        reason = Reason.PROJECT_FULL
    before = positions.count_ahead(transaction, job)
    waits = job_dependencies.predecessors(transaction, job_id) if job.holds else ()
    count = job_dependencies.count(transaction, job_id) if waits else 0
    holder = _holder(lock, everyone)
    wait = wait_reasons.of_job(transaction, job_id)
    return Explanation(job, reason, *holder, before, verdicts, needs, waits, count, told, wait)


def _not_queued(job: JobRow) -> Reason:
    kinds: Mapping[State, Reason] = {State.RUNNING: Reason.RUNNING, State.ABORTING: Reason.ABORTING}
    return kinds.get(states.normalized(job.state), Reason.ENDED)


def _queued(
    job: JobRow, lock: Lock | None, needs: Sequence[LicenceNeed], verdicts: Sequence[ResourceVerdict]
) -> Reason:
    """Return the first reason that keeps a queued job waiting.

    Reasons that exclude every resource come first.
    """
    if locking.is_held(lock):
        return Reason.HELD
    if locking.blocks(job, lock):
        return Reason.LOCKED
    if job.is_on_hold:
        return Reason.ON_HOLD
    for reason, passed in (
        (Reason.NO_OFFER, [one.is_offering for one in verdicts]),
        (Reason.NO_TARGET, [one.is_offering and one.is_target for one in verdicts]),
        (Reason.NOT_ON, [one.is_offering and one.is_target and not one.is_excluded for one in verdicts]),
        (Reason.LACKS, [one.is_able for one in verdicts]),
        (Reason.DRAINED, [one.is_able and not one.resource.is_drained for one in verdicts]),
        (Reason.SILENT, [one.reason in _CALLING for one in verdicts]),
        (Reason.UNAVAILABLE, [one.reason in {Reason.MAY_TAKE, Reason.FAILED} for one in verdicts]),
        (Reason.FAILED, [one.reason is Reason.MAY_TAKE for one in verdicts]),
    ):
        if not any(passed):
            return reason
    if any(need.used + need.number > need.total for need in needs):
        return Reason.NO_LICENCES
    return Reason.MAY_TAKE


def _needs(transaction: Transaction, job: JobRow, totals: Amounts) -> list[LicenceNeed]:
    requested = licences.parse(job.licences)
    used = licences.used(transaction) if requested else {}
    return [
        LicenceNeed(name, number, totals.get(name, 0), used.get(name, 0))
        for name, number in sorted(requested.items())
    ]


def _holder(lock: Lock | None, everyone: Sequence[ResourceRow]) -> tuple[str, int]:
    """Return the name of the resource that has locked a job, and since when; empty and 0 for none."""
    if lock is None:
        return "", 0
    name = next((one.resource_name for one in everyone if one.resource_id == lock.resource_id), "")
    return name, lock.lock_time
