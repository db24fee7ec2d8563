"""An errand to a server for the jobs it has given: what it wants of them is asked, their ends are told."""

import logging
from collections.abc import Callable, Sequence

from lgi_daemon.jobs import credentials
from lgi_daemon.jobs.error_isolation import ErrorIsolation
from lgi_daemon.jobs.job import LocalJob
from lgi_daemon.jobs.reports import CLOSED, report, unlock
from lgi_daemon.rundir.record import Phase, claimed_by
from lgi_daemon.servers.clock import Clock
from lgi_daemon.servers.connections import BackingOffError, ServerConnections, SessionPool
from lgi_protocol import resource_api
from lgi_protocol.errors import ErrorNumber, ServerError, TransportError
from lgi_protocol.states import State, normalized

log = logging.getLogger(__name__)

# A claim whose answer was lost may still be on its way: a call takes at most this long.
CLAIM_PATIENCE = 90.0
# Between a report that failed and the question whether the server has heard it all the same.
REPORT_PAUSE = 10.0
_LOST = (ErrorNumber.NO_JOB, ErrorNumber.NOT_VISIBLE)


class ServerSync:
    """Runs one errand at a time, in whatever thread; no script is run here."""

    def __init__(
        self,
        clock: Clock,
        fast: float,
        servers: ServerConnections,
        trouble: ErrorIsolation,
        stopping: Callable[[], bool],
    ) -> None:
        """``fast`` is in seconds; when ``stopping`` says so no further job is begun with."""
        self.clock = clock
        self.fast = fast
        self.servers = servers
        self.trouble = trouble
        self.stopping = stopping

    def due(self, job: LocalJob) -> bool:
        """Whether there is something to ask or to tell of a job, and its server may be asked now."""
        if job.gone or job.closed or not self.servers.open(job.record.server):
            return False
        return self._poll_due(job) or self._report_due(job)

    def _poll_due(self, job: LocalJob) -> bool:
        return self.clock.now >= job.poll_at

    def _report_due(self, job: LocalJob) -> bool:
        return job.waits_for_report and self.clock.now >= job.report_at

    def run(self, jobs: Sequence[LocalJob]) -> None:
        """Job after job of one server, those that are looked at meanwhile at the next errand."""
        with SessionPool(self.servers) as round_:
            for job in jobs:
                if self.stopping():
                    return
                with self.trouble.kept_to(job):
                    self._attend(job, round_)

    def _attend(self, job: LocalJob, round_: SessionPool) -> None:
        """Its server is asked before it is held: it may take a minute, and its scripts have their turn."""
        if job.record.phase is Phase.CLAIMING and job.hold.locked():
            return  # it is being claimed at this moment
        heard = self._ask(job) if self.due(job) and self._poll_due(job) else None
        job.heard |= heard is not None
        if not job.hold.acquire(blocking=False):
            return
        try:
            if heard is not None and job.away:
                self._is_back(job)
            if heard is not None and not job.gone:
                self._hear(job, heard, round_)
            if self.due(job) and self._report_due(job):
                self._report(job, round_)
        finally:
            job.hold.release()

    def _ask(self, job: LocalJob) -> resource_api.JobDescription | ServerError | None:
        """What the server says of a job; that also tells it that the job is looked after."""
        server = job.record.server
        try:
            with self.servers.watching(server):
                told = self.servers.connect(job.record.project, server).job_state(job.record.job_id)
        except BackingOffError:
            return None
        except TransportError as error:
            job.away = True
            log.debug("%s: no word of it: %s", job.title, error.reason)
            return None
        except ServerError as error:
            return error
        job.poll_at = self.clock.now + self.fast
        return told

    def _is_back(self, job: LocalJob) -> None:
        """What waited for the server, by pauses that have grown all the while, need not wait any longer."""
        job.away = False
        if job.tries:
            job.look_at = self.clock.now

    def _hear(
        self, job: LocalJob, told: resource_api.JobDescription | ServerError, round_: SessionPool
    ) -> None:
        if isinstance(told, ServerError):
            self._refused(job, told)
            return
        try:
            with self.servers.watching(job.record.server):
                self._settle(job, told, round_)
            if not job.closed:
                job.check_files()
                calls = self.servers.connect(job.record.project, job.record.server)
                credentials.renew(job, calls, self.servers.shown)
        except BackingOffError:
            return
        except TransportError as error:
            job.poll_at = self.clock.now
            log.debug("%s: no word of it: %s", job.title, error.reason)
        except ServerError as error:
            self._refused(job, error)
            round_.sign_off(job.record.project, job.record.server)

    def _refused(self, job: LocalJob, error: ServerError) -> None:
        if error.number in _LOST:
            job.poll_at = self.clock.now + self.fast
            if job.record.phase is Phase.CLAIMING:
                self._drop_claim(job, str(error))
            else:
                job.disown(str(error))
            job.look_at = self.clock.now
        elif not error.back_off:
            job.poll_at = self.clock.now + self.fast
            log.warning("%s: the server does not tell its state: %s", job.title, error)

    def _settle(self, job: LocalJob, told: resource_api.JobDescription, round_: SessionPool) -> None:
        """Bring the record up to what the server said."""
        ours = claimed_by(job.record, told)
        if job.record.phase is Phase.CLAIMING and not ours:
            self._doubt(job, told)
        elif ours and job.record.ending and normalized(told.state) in CLOSED:
            log.info("%s: the server has it as %s", job.title, told.state)
            self._close(job)
        elif not ours or told.state_time_stamp != job.record.state_time_stamp:
            self._synchronise(job, told, round_)

    def _doubt(self, job: LocalJob, told: resource_api.JobDescription) -> None:
        """The server does not say that a claimed job is ours, and never will when no claim is under way."""
        age = self.clock.now - job.first_seen
        if told.state == State.QUEUED and age < CLAIM_PATIENCE:
            job.poll_at = self.clock.now + min(self.fast, CLAIM_PATIENCE / 3)
        else:
            self._drop_claim(job, f"the server has it as {told.state!r} without our reference")

    def _drop_claim(self, job: LocalJob, why: str) -> None:
        log.info("%s: was not given to us: %s", job.title, why)
        job.remove()

    def _synchronise(self, job: LocalJob, told: resource_api.JobDescription, round_: SessionPool) -> None:
        """Take over a change at once, then the details: they alone have the input and end the matter."""
        if told.state != job.record.state:
            log.info("%s: the server now has it as %s", job.title, told.state)
        job.look_at = self.clock.now
        if not claimed_by(job.record, told):
            job.note_server(told)
            return
        if job.record.phase is Phase.ACCEPTED:
            job.note_server(told)
        calls, _answer = round_.session(job.record.project, job.record.server)
        calls.lock(job.record.job_id)
        try:
            details = calls.details(job.record.job_id)
        finally:
            unlock(calls, job.record.job_id)
        job.note_server(
            details, phase=Phase.ACCEPTED, state_time_stamp=details.state_time_stamp, input=details.input
        )

    def _report(self, job: LocalJob, round_: SessionPool) -> None:
        if report(job, State(job.record.ending), round_):
            self._close(job)
        elif job.record.disowned:
            job.look_at = self.clock.now
        else:
            # The answer may have been lost: the server is asked before it is told again.
            job.report_at = job.poll_at = self.clock.now + min(self.fast, REPORT_PAUSE)

    def _close(self, job: LocalJob) -> None:
        """The server has its end: what is left of it here may go."""
        job.closed, job.look_at = True, self.clock.now
