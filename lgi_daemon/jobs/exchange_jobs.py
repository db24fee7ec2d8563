"""The jobs of an exchange with their server: which are reported and held, and what the answer means."""

import logging
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from lgi_daemon.jobs import credentials
from lgi_daemon.jobs.error_isolation import ErrorIsolation
from lgi_daemon.jobs.job import LocalJob
from lgi_daemon.jobs.lifecycle import ServerIntent, reported_state
from lgi_daemon.jobs.reconciliation import LOST, close
from lgi_daemon.jobs.reports import CLOSED, read_ending
from lgi_daemon.rundir.record import Phase, claimed_by
from lgi_daemon.servers.connections import ServerConnections
from lgi_protocol import exchange_text
from lgi_protocol.errors import ErrorNumber, ServerError, TransportError
from lgi_protocol.exchange import MOST_HOLDS, MOST_REPORTS, MOST_TEXT, Hold, JobAnswer, Report
from lgi_protocol.job_description import JobDescription
from lgi_protocol.job_repository import RepositoryError
from lgi_protocol.resource_api import ResourceCalls
from lgi_protocol.states import State, normalized

log = logging.getLogger(__name__)

# Errors of a held job that is not here any more, for the server.
_TAKEN = (*LOST, ErrorNumber.NOT_YOUR_LOCK)
# Errors of files in a report: they are stored before it then, which finds out whether a retry helps.
_FILES = frozenset({ErrorNumber.UPLOAD, ErrorNumber.FILE_TOO_BIG, ErrorNumber.POST_TOO_BIG})
# Bytes of the reports of one exchange; the others are in the next.
MOST_REPORT_BYTES = MOST_TEXT // 2


@dataclass(frozen=True)
class Reported:
    """A job with its report; its lock is held."""

    job: LocalJob
    report: Report


@dataclass(frozen=True)
class Held:
    """A job with what is said of it."""

    job: LocalJob
    hold: Hold


class ExchangeJobs:
    """Prepares the reports and holds of exchanges, and applies their answers."""

    def __init__(self, servers: ServerConnections, isolation: ErrorIsolation) -> None:
        """Keep an error with one job from the others by ``isolation``."""
        self._servers = servers
        self._clock = servers.clock
        self._isolation = isolation

    def reports(
        self,
        jobs: Iterable[LocalJob],
        calls: ResourceCalls,
        locks: ExitStack,
        most: int = MOST_REPORTS,
        *,
        takes_files: bool = False,
    ) -> list[Reported]:
        """Return the reports that are due, at most ``most``; their jobs are locked until ``locks`` ends.

        With ``takes_files`` they have the streams of their jobs, which are stored beforehand otherwise.
        """
        reported: list[Reported] = []
        left = MOST_REPORT_BYTES
        for job in jobs:
            if len(reported) >= most or left <= 0:
                break
            if not self._report_due(job) or not job.lock.acquire(blocking=False):
                continue
            locks.callback(job.lock.release)
            with self._isolation.guard(job):
                if self._report_due(job) and (report := self._report(job, calls, takes_files)):
                    reported.append(Reported(job, report))
                    left -= exchange_text.size(report)
        return reported

    def _report_due(self, job: LocalJob) -> bool:
        return job.awaits_report and not job.removed and job.schedule.report_due(self._clock.now)

    def _report(self, job: LocalJob, calls: ResourceCalls, takes_files: bool) -> Report | None:
        """Return the report of a locked job; None when its streams cannot be stored now."""
        record = job.record
        state = reported_state(job.intent, State(record.ending))
        if State(record.ending) is State.QUEUED:
            return Report(record.job_id, record.reference, str(state), end=record.end)
        try:
            ending = read_ending(job, calls, takes_files=takes_files)
        except (RepositoryError, TransportError) as error:
            log.warning("%s: reporting it %s failed: %s", job.title, state, error)
            job.schedule.report_failed(self._clock.now)
            return None
        return Report(
            record.job_id, record.reference, str(state), ending.output, ending.end, files=ending.files
        )

    def holds(self, jobs: Iterable[LocalJob], reported: Sequence[Reported]) -> list[Held]:
        """Return what to say of the jobs that are not reported; those that were named last come last."""
        others = {one.job.record.reference for one in reported}
        held = [job for job in jobs if job.record.reference not in others and _is_held(job)]
        held.sort(key=lambda job: job.schedule.next_poll)
        return [
            Held(job, Hold(job.record.job_id, job.record.reference, _stamp(job), _wait_reason(job)))
            for job in held[:MOST_HOLDS]
        ]

    def polls_due(self, jobs: Iterable[LocalJob]) -> list[LocalJob]:
        """Return the jobs whose heartbeat is due; the server is not asked about those it gave to others."""
        now = self._clock.now
        due = [job for job in jobs if job.schedule.poll_due(now)]
        for job in due:
            if not _is_held(job):
                job.schedule.polled(now)
        return [job for job in due if _is_held(job)]

    def postpone(self, jobs: Iterable[LocalJob]) -> None:
        """Wait before the next report and heartbeat: the server has refused an exchange."""
        now = self._clock.now
        for job in jobs:
            if job.awaits_report:
                job.files_refused = True
                job.schedule.report_failed(now)
            else:
                job.schedule.polled(now)

    def apply_reports(self, reported: Sequence[Reported], answers: Sequence[JobAnswer]) -> None:
        """Close the jobs whose reports the server has. Raise ValueError for the answer to other reports."""
        if [one.report.job_id for one in reported] != [answer.job_id for answer in answers]:
            raise ValueError("it does not name the jobs that were reported")
        for one, answer in zip(reported, answers, strict=True):
            with self._isolation.guard(one.job):
                self._apply_report(one, answer)

    def _apply_report(self, one: Reported, answer: JobAnswer) -> None:
        job, report, error, now = one.job, one.report, answer.error, self._clock.now
        if error is None and answer.files < len(report.files):
            # An older server has answered. It is reported again, which changes nothing more.
            job.files_refused = True
        elif error is None:
            if report.state == State.QUEUED:
                log.debug("%s: given back: %s", job.title, report.end.reason)
            else:
                text = report.end.text(report.state)
                log.info("%s: reported %s with %d bytes of output", job.title, text, len(report.output))
            close(job, now)
        elif error.number == ErrorNumber.NOT_YOUR_LOCK:
            job.disown("another daemon has claimed it")
            job.schedule.server_changed(now)
        elif error.number in LOST:
            job.disown(str(error))
            job.schedule.server_changed(now)
        else:
            log.warning("%s: reporting it %s failed: %s", job.title, report.state, error)
            job.schedule.report_failed(now)
            job.files_refused |= error.number in _FILES
            if error.number == ErrorNumber.STATE:
                # The server has another state, which it says when the job is held.
                job.schedule.poll_failed(now)

    def apply_holds(self, held: Sequence[Held], answers: Iterable[JobAnswer]) -> None:
        """Store what has changed at the server; the others are as they were."""
        changes = {(answer.job_id, answer.daemon_reference): answer for answer in answers}
        now = self._clock.now
        for one in held:
            job = one.job
            job.schedule.polled(now)
            job.answered()
            if one.hold.wait_reason is not None:
                job.told_reason = one.hold.wait_reason
            if job.server_unreachable:
                job.server_unreachable = False
                job.schedule.server_returned(now)
            answer = changes.get((one.hold.job_id, one.hold.daemon_reference))
            # One that a session of an old call has locked is as it was.
            if answer and (answer.error is None or answer.error.number in _TAKEN):
                job.unapplied_answer = _as_polled(job, answer)
                # It is applied when no script of the job runs, which may take long.
                log.debug("%s: the server answers that it is %s", job.title, answer.error or answer.state)
        self.settle(one.job for one in held)

    def start_hold(self, jobs: Iterable[LocalJob]) -> None:
        """Poll jobs rarely from now on: a server holds an exchange for them."""
        for job in jobs:
            job.schedule.hold_started(self._clock.now)

    def end_hold(self, jobs: Iterable[LocalJob]) -> None:
        """Poll jobs as before."""
        for job in jobs:
            job.schedule.hold_ended(self._clock.now)

    def settle(self, jobs: Iterable[LocalJob]) -> None:
        """Apply what a server has answered to the jobs that nobody works on now."""
        for job in jobs:
            if job.unapplied_answer is None or not job.lock.acquire(blocking=False):
                continue
            try:
                with self._isolation.guard(job):
                    answer, job.unapplied_answer = job.unapplied_answer, None
                    if answer is not None and not job.removed:
                        self._apply(job, answer)
            finally:
                job.lock.release()

    def _apply(self, job: LocalJob, answer: JobDescription | ServerError) -> None:
        now = self._clock.now
        job.schedule.server_changed(now)
        if isinstance(answer, ServerError):
            if answer.number in LOST:
                job.disown(str(answer))
        elif claimed_by(job.record, answer) and job.record.ending and normalized(answer.state) in CLOSED:
            log.info("%s: the server has it as %s", job.title, answer.state)
            close(job, now)
        else:
            if answer.state != job.record.state:
                log.info("%s: the server now has it as %s", job.title, answer.state)
            job.apply_server_state(answer, state_time_stamp=answer.state_time_stamp)

    def maintain(self, jobs: Iterable[LocalJob], calls: ResourceCalls) -> None:
        """Restore the files of jobs and renew their certificates, as far as nobody works on them now."""
        for job in jobs:
            if not job.lock.acquire(blocking=False):
                continue
            try:
                with self._isolation.guard(job):
                    if not job.removed and not job.closed:
                        job.restore_files()
                        credentials.renew(job, calls, self._servers.certificate_fingerprint)
            finally:
                job.lock.release()

    def unreachable(self, jobs: Iterable[LocalJob]) -> None:
        """Record that the server of jobs does not answer: failures of their scripts do not count now."""
        for job in jobs:
            job.server_unreachable = True


def _is_held(job: LocalJob) -> bool:
    """Return whether the server is to know that a job is here; not one that it has given to others."""
    if job.removed or job.closed or job.record.phase is not Phase.ACCEPTED:
        return False
    return job.intent is not ServerIntent.STALE and not isinstance(job.unapplied_answer, ServerError)


def _stamp(job: LocalJob) -> str:
    """Return the last time stamp that is known: what is named once more would be answered at once."""
    answer = job.unapplied_answer
    if isinstance(answer, JobDescription):
        return answer.state_time_stamp
    return job.record.state_time_stamp


def _wait_reason(job: LocalJob) -> str | None:
    """Return why a job cannot be started yet, None if its server was told so."""
    return None if job.wait_reason == job.told_reason else job.wait_reason


def _as_polled(job: LocalJob, answer: JobAnswer) -> JobDescription | ServerError:
    """Return what the server says of a held job, as the answer to a poll says it."""
    record, error = job.record, answer.error
    if error is not None:
        is_taken = error.number == ErrorNumber.NOT_YOUR_LOCK
        return ServerError(ErrorNumber.NOT_VISIBLE, "another daemon has claimed it") if is_taken else error
    return JobDescription(
        job_id=record.job_id,
        state=answer.state,
        application=record.application,
        target_resources=answer.target_resources,
        owners=record.owners,
        read_access=record.read_access,
        write_access=record.write_access,
        job_specifics=answer.job_specifics,
        state_time_stamp=answer.state_time_stamp,
        input=b"",
        output=b"",
    )
