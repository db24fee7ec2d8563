"""The jobs that a daemon holds: which of them have changed, and those that it takes back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lgi_protocol.errors import LGIError
from lgi_protocol.states import State
from lgi_server.services.access.job_holder import is_held
from lgi_server.services.jobs import restored_jobs, updates
from lgi_server.services.jobs.exchange_changes import ExchangeChanges
from lgi_server.services.jobs.exchange_reports import check_held, check_licences, check_unlocked
from lgi_server.services.jobs.exchange_request import PostedHold, Verdict
from lgi_server.services.jobs.licences import Amounts
from lgi_server.tables.job_queue import batches
from lgi_server.tables.job_queue.batches import HeldJob


@dataclass(frozen=True)
class HeldJobs:
    """The jobs that the daemon still has (``known``), and what is answered of those that differ."""

    known: Sequence[HeldJob] = ()
    verdicts: Sequence[Verdict] = ()


def judge(
    changes: ExchangeChanges,
    found: Mapping[int, HeldJob],
    holds: Sequence[PostedHold | Verdict],
    totals: Amounts,
) -> HeldJobs:
    """Return which held jobs differ from what the daemon knows, and add those that it takes back.

    ``found`` are those of the jobs that exist. A hold that cannot be read is the Verdict about it.
    """
    known: list[HeldJob] = []
    differing: list[PostedHold] = []
    verdicts = [one for one in holds if isinstance(one, Verdict)]
    for hold in (one for one in holds if not isinstance(one, Verdict)):
        try:
            job = _held(changes, found, hold)
        except LGIError as error:
            verdicts.append(Verdict(hold.job_id, hold.reference, error=error))
        else:
            if is_held(job, hold.reference):
                known.append(job)
            if job.state == State.QUEUED or job.state_time_stamp != hold.stamp:
                differing.append(hold)
    return HeldJobs(known, [*verdicts, *_present(changes, differing, found, totals)])


def _held(changes: ExchangeChanges, found: Mapping[int, HeldJob], hold: PostedHold) -> HeldJob:
    """Return a job that a daemon has, or may take back; LGIError NO_JOB, NOT_VISIBLE or NOT_YOUR_LOCK."""
    job = updates.check_visible(found.get(hold.job_id), changes.resource, hold.job_id)
    if job.state != State.QUEUED:
        check_held(job, hold.reference)
    return job


def _present(
    changes: ExchangeChanges, differing: Sequence[PostedHold], found: Mapping[int, HeldJob], totals: Amounts
) -> list[Verdict]:
    """Return jobs as they are now; those that are queued again are taken back first."""
    queued = [one for one in differing if found[one.job_id].state == State.QUEUED]
    others = [one for one in differing if found[one.job_id].state != State.QUEUED]
    verdicts = _taken_back(changes, queued, totals) if queued else []
    rows = batches.find(changes.transaction, [one.job_id for one in others]) if others else {}
    # One that was deleted at this moment is named as gone the next time.
    return [
        *verdicts,
        *(Verdict(one.job_id, one.reference, rows[one.job_id]) for one in others if one.job_id in rows),
    ]


def _taken_back(changes: ExchangeChanges, holds: Sequence[PostedHold], totals: Amounts) -> list[Verdict]:
    rows = batches.lock(changes.transaction, sorted({one.job_id for one in holds}))
    rows = restored_jobs.adopt(changes.transaction, rows, {one.job_id: one.reference for one in holds})
    verdicts = []
    for hold in holds:
        found, lock = rows.get(hold.job_id, (None, None))
        try:
            job = updates.check_visible(found, changes.resource, hold.job_id)
            check_held(job, hold.reference)
            check_unlocked(job, lock)
            if job.state == State.QUEUED:
                check_licences(changes, job, totals)
                taken = changes.claimed(job)
                changes.take_back(job, taken)
                job = taken
        except LGIError as error:
            verdicts.append(Verdict(hold.job_id, hold.reference, error=error))
        else:
            verdicts.append(Verdict(hold.job_id, hold.reference, job))
    return verdicts
