"""Synchronizes jobs with the server they came from: polls their states and reports their ends."""

import logging
from collections.abc import Callable, Sequence

from lgi_daemon.jobs import credentials, lifecycle
from lgi_daemon.jobs.error_isolation import ErrorIsolation
from lgi_daemon.jobs.job import LocalJob
from lgi_daemon.jobs.reconciliation import LOST, close, drop_claim, reconcile
from lgi_daemon.jobs.reports import report
from lgi_daemon.rundir.record import Phase
from lgi_daemon.servers.clock import Clock
from lgi_daemon.servers.connections import BackingOffError
from lgi_daemon.servers.sessions import SessionPool, SessionRegistry
from lgi_protocol import job_description
from lgi_protocol.errors import ServerError, TransportError
from lgi_protocol.states import State

log = logging.getLogger(__name__)


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
        """Return whether a job must be polled, reported or reconciled, and its server may be called now."""
        if job.removed or job.closed or not self.servers.open(job.record.server):
            return False
        if job.unapplied_answer is not None and not job.lock.locked():
            return True
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
        """Poll before the job is locked: that may take a minute, in which its scripts can run.

        The answer is stored until no other worker works on the job.
        """
        if job.record.phase is Phase.CLAIMING and job.lock.locked():
            return  # its claim is under way
        if self.due(job) and self._poll_due(job):
            self._poll(job)
        if not job.lock.acquire(blocking=False):
            return
        try:
            answer, job.unapplied_answer = job.unapplied_answer, None
            if answer is not None and job.server_unreachable:
                job.server_unreachable = False
                job.schedule.server_returned(self.clock.now)
            if answer is not None and not job.removed:
                self._apply_answer(job, answer, sessions)
            if self.due(job) and self._report_due(job):
                self._report(job, sessions)
        finally:
            job.lock.release()

    def _poll(self, job: LocalJob) -> None:
        """Ask the server for the state of a job; to the server the call also shows that the job is alive."""
        server = job.record.server
        try:
            with self.servers.tracking(server):
                job.unapplied_answer = self.servers.connect(job.record.project, server).job_state(
                    job.record.job_id
                )
            job.schedule.polled(self.clock.now)
        except BackingOffError:
            return
        except TransportError as error:
            job.server_unreachable = True
            log.debug("%s: cannot ask for its state: %s", job.title, error.reason)
            return
        except ServerError as error:
            job.unapplied_answer = error
        job.answered()

    def _apply_answer(
        self, job: LocalJob, answer: job_description.JobDescription | ServerError, sessions: SessionPool
    ) -> None:
        if isinstance(answer, ServerError):
            self._apply_error(job, answer)
            return
        try:
            with self.servers.tracking(job.record.server):
                reconcile(job, answer, sessions, self.clock.now)
            if not job.closed:
                job.restore_files()
                calls = self.servers.connect(job.record.project, job.record.server)
                credentials.renew(job, calls, self.servers.certificate_fingerprint)
        except BackingOffError:
            job.unapplied_answer = answer
        except TransportError as error:
            job.schedule.poll_failed(self.clock.now)
            log.debug("%s: cannot ask for its state: %s", job.title, error.reason)
        except ServerError as error:
            self._apply_error(job, error)
            sessions.sign_off(job.record.project, job.record.server)

    def _apply_error(self, job: LocalJob, error: ServerError) -> None:
        if error.number in LOST:
            job.schedule.polled(self.clock.now)
            if job.record.phase is Phase.CLAIMING:
                drop_claim(job, str(error))
            else:
                job.disown(str(error))
            job.schedule.server_changed(self.clock.now)
        elif not error.back_off:
            job.schedule.polled(self.clock.now)
            log.warning("%s: the server does not return its state: %s", job.title, error)

    def _report(self, job: LocalJob, sessions: SessionPool) -> None:
        if report(job, lifecycle.reported_state(job.intent, State(job.record.ending)), sessions):
            close(job, self.clock.now)
        elif job.record.disowned:
            job.schedule.server_changed(self.clock.now)
        else:
            job.schedule.report_failed(self.clock.now)
