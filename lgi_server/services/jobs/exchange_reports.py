"""The reports of an exchange, each judged by itself."""

from collections.abc import Callable, Mapping, Sequence
from typing import Generic, TypeVar

from lgi_protocol import states
from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_protocol.states import State
from lgi_server.services.access import job_holder
from lgi_server.services.jobs import licences, restored_jobs, updates
from lgi_server.services.jobs.exchange_changes import ExchangeChanges
from lgi_server.services.jobs.exchange_request import PostedReport, Verdict
from lgi_server.services.jobs.licences import Amounts
from lgi_server.services.jobs.updates import JobChange
from lgi_server.tables import job_history
from lgi_server.tables.job_queue import jobs
from lgi_server.tables.job_queue.batches import HeldJob, LockedRow
from lgi_server.tables.job_queue.jobs import JobRow
from lgi_server.tables.running_locks import Lock

Report = TypeVar("Report", bound=PostedReport)


def judge(
    changes: ExchangeChanges,
    rows: Mapping[int, LockedRow],
    reports: Sequence[Report | Verdict],
    read_change: Callable[[Report, JobRow], JobChange],
    totals: Amounts,
) -> list[Verdict]:
    """Return what is answered to each report, and add what they change.

    A report that cannot be read is the Verdict about it. ``rows`` are those of the jobs that exist, locked by
    this transaction. ``read_change`` returns the change that a report makes to a job, or raises LGIError.
    """
    if not reports:
        return []
    readable = [one for one in reports if not isinstance(one, Verdict)]
    judging = _Judging(changes, rows, readable, read_change, totals)
    verdicts = []
    for report in reports:
        if isinstance(report, Verdict):
            verdicts.append(report)
            continue
        try:
            verdicts.append(Verdict(report.job_id, report.reference, judging.accept(report)))
        except LGIError as error:
            verdicts.append(Verdict(report.job_id, report.reference, error=error))
    return verdicts


class _Judging(Generic[Report]):
    """The judgement of the reports of one exchange, on jobs whose rows it has locked."""

    def __init__(
        self,
        changes: ExchangeChanges,
        rows: Mapping[int, LockedRow],
        reports: Sequence[Report],
        read_change: Callable[[Report, JobRow], JobChange],
        totals: Amounts,
    ) -> None:
        self._changes, self._read_change, self._totals = changes, read_change, totals
        begun = {one.job_id: one.reference for one in reports if one.state != State.QUEUED}
        self._rows = restored_jobs.adopt(changes.transaction, rows, begun)
        back = [one.job_id for one in reports if one.state == State.QUEUED and one.job_id in self._rows]
        self._first_targets = job_history.first_targets(changes.transaction, back)

    def accept(self, report: Report) -> JobRow:
        """Return the job after a report of it; LGIError when it is refused.

        A job that is as reported already is not changed: the answer was lost, or the scheduler was faster.
        """
        found, lock = self._rows.get(report.job_id, (None, None))
        job = updates.check_visible(
            found and self._changes.current(found), self._changes.resource, report.job_id
        )
        if job.state == report.state == State.QUEUED:
            return job
        check_held(job, report.reference)
        if states.has_ended(job.state) and job.state == report.state:
            return job
        check_unlocked(job, lock)
        return self._given_back(job, report) if report.state == State.QUEUED else self._changed(job, report)

    def _given_back(self, job: JobRow, report: Report) -> JobRow:
        if states.normalized(job.state) != State.RUNNING:
            raise LGIError(ErrorNumber.STATE, f"a job that is {job.state} cannot become queued")
        targets = self._first_targets.get(job.job_id, job.target_resources)
        return self._changes.give_back(job, targets, report.reason)

    def _changed(self, job: JobRow, report: Report) -> JobRow:
        """Return a job after its change; one that the scheduler has queued again is taken back first."""
        taken = job
        if job.state == State.QUEUED:
            if not states.has_ended(report.state):
                check_licences(self._changes, job, self._totals)
            taken = self._changes.claimed(job)
        change = self._read_change(report, taken)
        if not change.state:
            raise LGIError(ErrorNumber.STATE)
        if taken is not job:
            self._changes.take_back(job, taken)
        return self._changes.apply(taken, change)


def check_held(job: JobRow | HeldJob, reference: str) -> None:
    """Raise LGIError NOT_YOUR_LOCK unless a job is, or was last, with the daemon of this reference."""
    if not job_holder.is_held(job, reference):
        raise LGIError(ErrorNumber.NOT_YOUR_LOCK, f"job {job.job_id} was taken over by another daemon")


def check_unlocked(job: JobRow, lock: Lock | None) -> None:
    """Raise LGIError CANNOT_LOCK while a session has a job locked; what a daemon has is not held any more."""
    if lock is not None or job.lock_state not in {jobs.FREE, jobs.HELD}:
        raise LGIError(ErrorNumber.CANNOT_LOCK, f"job {job.job_id}")


def check_licences(changes: ExchangeChanges, job: JobRow, totals: Amounts) -> None:
    """Raise LGIError CANNOT_LOCK unless a job can be granted its licences; one that has ended needs none."""
    if not licences.grant(changes.transaction, [job], totals, changes.started):
        message = "The job's licences are all in use"
        raise LGIError(ErrorNumber.CANNOT_LOCK, f"{job.licences}, job {job.job_id}", message=message)
