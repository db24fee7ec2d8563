"""Synchronizes jobs with the server they came from: polls their states and reports their ends."""

import logging
from collections.abc import Callable, Sequence

from lgi_daemon.jobs import credentials
from lgi_daemon.jobs.error_isolation import ErrorIsolation
from lgi_daemon.jobs.job import LocalJob
from lgi_daemon.jobs.reports import CLOSED, report, unlock
from lgi_daemon.rundir.record import Phase, claimed_by
from lgi_daemon.servers.clock import Clock
from lgi_daemon.servers.connections import BackingOffError
from lgi_daemon.servers.sessions import SessionPool, SessionRegistry
from lgi_protocol import resource_api
from lgi_protocol.errors import ErrorNumber, ServerError, TransportError
from lgi_protocol.states import State, normalized

log = logging.getLogger(__name__)

_LOST = (ErrorNumber.NO_JOB, ErrorNumber.NOT_VISIBLE)


class ServerSync:
    """Synchronizes the jobs of one server at a time, in any thread; runs no script."""

    def __init__(
        self,
        clock: Clock,
        sessions: SessionRegistry,
        isolation: ErrorIsolation,
        stopping: Callable[[], bool],
    ) -> None:
        """Begin with no further job once ``stopping`` returns True."""
        self.clock = clock
        self.servers = sessions.servers
        self.sessions = sessions
        self.isolation = isolation
        self.stopping = stopping

    def due(self, job: LocalJob) -> bool:
        """Return whether a job must be polled or reported, and its server may be called now."""
        if job.removed or job.closed or not self.servers.open(job.record.server):
            return False
        return self._poll_due(job) or self._report_due(job)

    def _poll_due(self, job: LocalJob) -> bool:
        return job.schedule.poll_due(self.clock.now)

    def _report_due(self, job: LocalJob) -> bool:
        return job.awaits_report and job.schedule.report_due(self.clock.now)

    def sync(self, jobs: Sequence[LocalJob]) -> None:
        """Synchronize jobs of one server one by one; jobs that a check has meanwhile are left out."""
        with self.sessions.pool() as sessions:
            for job in jobs:
                if self.stopping():
                    return
                with self.isolation.guard(job):
                    self._sync_job(job, sessions)

    def _sync_job(self, job: LocalJob, sessions: SessionPool) -> None:
        """Poll before the job is locked: that may take a minute, in which its scripts can run."""
        if job.record.phase is Phase.CLAIMING and job.lock.locked():
            return  # its claim is under way
        answer = self._poll(job) if self.due(job) and self._poll_due(job) else None
        job.server_answered |= answer is not None
        if not job.lock.acquire(blocking=False):
            return
        try:
            if answer is not None and job.server_unreachable:
                job.server_unreachable = False
                job.schedule.server_returned(self.clock.now)
            if answer is not None and not job.removed:
                self._apply_answer(job, answer, sessions)
            if self.due(job) and self._report_due(job):
                self._report(job, sessions)
        finally:
            job.lock.release()

    def _poll(self, job: LocalJob) -> resource_api.JobDescription | ServerError | None:
        """Ask the server for the state of a job; to the server the call also shows that the job is alive."""
        server = job.record.server
        try:
            with self.servers.tracking(server):
                answer = self.servers.connect(job.record.project, server).job_state(job.record.job_id)
        except BackingOffError:
            return None
        except TransportError as error:
            job.server_unreachable = True
            log.debug("%s: cannot ask for its state: %s", job.title, error.reason)
            return None
        except ServerError as error:
            return error
        job.schedule.polled(self.clock.now)
        return answer

    def _apply_answer(
        self, job: LocalJob, answer: resource_api.JobDescription | ServerError, sessions: SessionPool
    ) -> None:
        if isinstance(answer, ServerError):
            self._apply_error(job, answer)
            return
        try:
            with self.servers.tracking(job.record.server):
                self._reconcile(job, answer, sessions)
            if not job.closed:
                job.restore_files()
                calls = self.servers.connect(job.record.project, job.record.server)
                credentials.renew(job, calls, self.servers.certificate_fingerprint)
        except BackingOffError:
            return
        except TransportError as error:
            job.schedule.poll_failed(self.clock.now)
            log.debug("%s: cannot ask for its state: %s", job.title, error.reason)
        except ServerError as error:
            self._apply_error(job, error)
            sessions.sign_off(job.record.project, job.record.server)

    def _apply_error(self, job: LocalJob, error: ServerError) -> None:
        if error.number in _LOST:
            job.schedule.polled(self.clock.now)
            if job.record.phase is Phase.CLAIMING:
                self._drop_claim(job, str(error))
            else:
                job.disown(str(error))
            job.schedule.server_changed(self.clock.now)
        elif not error.back_off:
            job.schedule.polled(self.clock.now)
            log.warning("%s: the server does not return its state: %s", job.title, error)

    def _reconcile(self, job: LocalJob, answer: resource_api.JobDescription, sessions: SessionPool) -> None:
        """Bring the record up to date with the state at the server."""
        ours = claimed_by(job.record, answer)
        if job.record.phase is Phase.CLAIMING and not ours:
            self._check_claim(job, answer)
        elif ours and job.record.ending and normalized(answer.state) in CLOSED:
            log.info("%s: the server has it as %s", job.title, answer.state)
            self._close(job)
        elif not ours or answer.state_time_stamp != job.record.state_time_stamp:
            self._apply_change(job, answer, sessions)

    def _check_claim(self, job: LocalJob, answer: resource_api.JobDescription) -> None:
        """Drop a claim that the server does not confirm, unless its call may still be under way."""
        if answer.state == State.QUEUED and not job.schedule.claim_expired(self.clock.now):
            job.schedule.claim_unconfirmed(self.clock.now)
        else:
            self._drop_claim(job, f"the server has it as {answer.state!r} without our reference")

    def _drop_claim(self, job: LocalJob, reason: str) -> None:
        log.info("%s: claim failed: %s", job.title, reason)
        job.remove()

    def _apply_change(
        self, job: LocalJob, answer: resource_api.JobDescription, sessions: SessionPool
    ) -> None:
        """Store a changed state at once, then the details: only they contain the input."""
        if answer.state != job.record.state:
            log.info("%s: the server now has it as %s", job.title, answer.state)
        job.schedule.server_changed(self.clock.now)
        if not claimed_by(job.record, answer):
            job.apply_server_state(answer)
            return
        if job.record.phase is Phase.ACCEPTED:
            job.apply_server_state(answer)
        calls, _sign_up = sessions.session(job.record.project, job.record.server)
        calls.lock(job.record.job_id)
        try:
            details = calls.details(job.record.job_id)
        finally:
            unlock(calls, job.record.job_id)
        job.apply_server_state(
            details, phase=Phase.ACCEPTED, state_time_stamp=details.state_time_stamp, input=details.input
        )

    def _report(self, job: LocalJob, sessions: SessionPool) -> None:
        if report(job, State(job.record.ending), sessions):
            self._close(job)
        elif job.record.disowned:
            job.schedule.server_changed(self.clock.now)
        else:
            job.schedule.report_failed(self.clock.now)

    def _close(self, job: LocalJob) -> None:
        """Let the next check remove a job whose end the server has."""
        job.closed = True
        job.schedule.server_changed(self.clock.now)
