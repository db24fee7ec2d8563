"""Resources that do not get a job: those that its user excludes, and the one on which it has just failed.

The latter is passed over for a while only, and if another resource could take the job.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from lgi_protocol import comma_lists
from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_server.db.pool import Database
from lgi_server.db.transaction import Transaction
from lgi_server.services.jobs.submit_request import JobPlan
from lgi_server.services.jobs.targets import offers
from lgi_server.services.jobs.verdicts import Reason, judge
from lgi_server.tables import active_resources, event_queue, job_exclusions
from lgi_server.tables.active_resources import NO_SERVER, ResourceRow
from lgi_server.tables.job_queue import batches
from lgi_server.tables.job_queue.jobs import JobRow

# Seconds that others have for a job before the resource on which it has failed gets it again. Idle daemons
# hear of a job at once, those of LGI 1.31 ask every few minutes.
PASSED_OVER = 60
# Verdicts on resources that could take a job now, or where it has just failed.
_ABLE = frozenset({Reason.MAY_TAKE, Reason.FAILED})


@dataclass(frozen=True)
class Failure:
    """A job that is queued again, and the resource on which it has failed."""

    job: JobRow
    resource: str


def check(
    everyone: Sequence[ResourceRow], application: str, targets: Sequence[str], excluded: Sequence[str]
) -> None:
    """Raise LGIError NO_TARGET for an excluded name of no resource, and when no target is left."""
    if not excluded:
        return
    resources = [one for one in everyone if one.project_server == NO_SERVER]
    names = {one.resource_name for one in resources}
    if unknown := [name for name in excluded if name not in names]:
        raise _refused(f"the project has no resource {unknown[0]}")
    able = {one.resource_name for one in resources if offers(one, application)}
    able = able if comma_lists.ANY in targets else able.intersection(targets)
    if not able.difference(excluded):
        raise _refused(f"no resource with {application} is left for the job")


def _refused(why: str) -> LGIError:
    return LGIError(ErrorNumber.NO_TARGET, why, message="not_on is not acceptable")


def store(transaction: Transaction, new: Sequence[JobRow], plans: Mapping[int, JobPlan]) -> None:
    """Store which resources are not to get new jobs, of which some have plans, by their numbers."""
    planned = [(job, plans[job.job_id]) for job in new if job.job_id in plans]
    rows = [(job, name, 0) for job, plan in planned for name in plan.not_on]
    if rows:
        job_exclusions.insert(transaction, job_exclusions.NOT_ON, rows)


def pass_over(transaction: Transaction, failed: Sequence[tuple[Failure, int]], now: int) -> None:
    """Let others have jobs first that are queued again; each is held until the time beside it.

    The rows of the jobs are stored and locked. A job that no other resource could take now is for all; where
    it has failed on all others too, they get it again at once.
    """
    if not failed:
        return
    everyone = active_resources.everyone(transaction)
    of_others = [_of_others(transaction, everyone, one, now) for one, _until in failed]
    passed = [
        (one.job, one.resource, max(until, now) + PASSED_OVER)
        for (one, until), reasons in zip(failed, of_others, strict=True)
        if reasons & _ABLE
    ]
    everywhere = [
        one.job.job_id
        for (one, _until), reasons in zip(failed, of_others, strict=True)
        if reasons & _ABLE == {Reason.FAILED}
    ]
    if everywhere:
        job_exclusions.forget_failures(transaction, everywhere)
    if passed:
        job_exclusions.insert(transaction, job_exclusions.FAILED, passed)
        for until in sorted({until for _job, _name, until in passed}):
            event_queue.release_holds(transaction, until)


def _of_others(
    transaction: Transaction, everyone: Sequence[ResourceRow], failed: Failure, now: int
) -> set[Reason]:
    """Return the reasons for which other resources may take a job now, or do not."""
    excluded = job_exclusions.of_job(transaction, failed.job.job_id)
    return {
        judge(failed.job, one, 0, now, excluded).reason
        for one in everyone
        if one.project_server == NO_SERVER and one.resource_name != failed.resource
    }


def release_due(database: Database, now: int) -> int:
    """Let resources have jobs again that failed there long enough ago; return how many jobs these were."""

    def work(transaction: Transaction, job_ids: Sequence[int]) -> None:
        rows = batches.lock(transaction, job_ids)
        job_exclusions.delete_due(transaction, job_ids, now)
        transaction.news.extend(job for job, _lock in rows.values())

    released = 0
    while job_ids := database.run(partial(job_exclusions.due, now=now), write=False):
        database.run(partial(work, job_ids=job_ids))
        released += len(job_ids)
    return released
