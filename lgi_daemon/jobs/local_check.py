"""The check of a job on this resource: asks its scripts and takes the step that follows."""

import logging
from collections.abc import Callable

from lgi_daemon.execution.scripts import NoAnswerError
from lgi_daemon.jobs import (
    action_runner,
    activity_check,
    excess,
    lifecycle,
    limits_check,
    reconciliation,
)
from lgi_daemon.jobs.circuit_breaker import FAILED_SECONDS, IMMEDIATE_SECONDS, CircuitBreaker
from lgi_daemon.jobs.error_isolation import ErrorIsolation
from lgi_daemon.jobs.job import LocalJob
from lgi_daemon.jobs.lifecycle import WAIT, Action, Actions, Activity, ServerIntent
from lgi_daemon.rundir.record import Phase
from lgi_daemon.servers.clock import Clock
from lgi_protocol.job_end import Result
from lgi_protocol.states import State

log = logging.getLogger(__name__)


class LocalCheck:
    """Checks one job at a time, in any thread; calls no server."""

    def __init__(
        self,
        clock: Clock,
        circuit_breaker: CircuitBreaker,
        isolation: ErrorIsolation,
        stopping: Callable[[], bool],
    ) -> None:
        """Start no further check once ``stopping`` returns True."""
        self.clock = clock
        self.circuit_breaker = circuit_breaker
        self.isolation = isolation
        self.stopping = stopping
        # Called before the epilogue of a job: its room is free soon.
        self.before_end: Callable[[LocalJob], None] = lambda _job: None

    def due(self, job: LocalJob) -> bool:
        """Return whether to check a job now; at once when a run script that was alive has ended."""
        if job.removed or job.record.phase is not Phase.ACCEPTED or job.awaits_report:
            return False
        return job.schedule.check_due(self.clock.now, job.intent, job.seems_alive)

    def check(self, job: LocalJob) -> None:
        """Check a job that is due, unless another worker has it: then it stays due."""
        if not job.lock.acquire(blocking=False):
            return
        try:
            if not self.stopping() and self.due(job):
                with self.isolation.guard(job):
                    self._check(job)
        finally:
            job.lock.release()

    def _check(self, job: LocalJob) -> None:
        # Before the scripts: an end that comes while they answer is noticed at the next tick.
        alive = job.is_alive()
        reconciliation.apply_answer(job)
        intent = job.intent
        job.schedule.check_started()
        actions = WAIT if alive and not self._scripts_due(job) else self._next_actions(job)
        if actions == WAIT:
            job.schedule.left_as_is(self.clock.now, alive)
            self._record_success_of_running(job)
        elif Action.RUN in actions and not self._may_start(job):
            job.schedule.start_postponed(self.clock.now)
        else:
            log.debug("%s: %s", job.title, ", ".join(actions))
            if Action.EPILOGUE in actions:
                self.before_end(job)
            succeeded = self._execute(job, actions)
            if succeeded and Action.RUN in actions:
                job.schedule.started(self.clock.now)
            is_news = job.intent is not intent
            job.schedule.step_taken(self.clock.now, needs_check=succeeded or is_news)

    def _scripts_due(self, job: LocalJob) -> bool:
        """Return whether the scripts of a job whose run script is alive must be asked all the same."""
        if job.record.ending or job.intent is not ServerIntent.WANTED:
            return True
        return job.schedule.script_check_due(self.clock.now)

    def _next_actions(self, job: LocalJob) -> Actions:
        now = self.clock.now
        job.schedule.scripts_asked(now)
        if job.closed:
            return (Action.REMOVE,)
        if job.is_new:
            self._check_new(job)
        if job.record.ending:
            return lifecycle.last_actions(job.intent, State(job.record.ending))
        activity = activity_check.activity(job)
        job.schedule.activity_checked(
            now, is_lost=activity is Activity.LOST, is_finished=activity is Activity.FINISHED
        )
        if job.schedule.loss_pending(now):
            return WAIT
        return lifecycle.next_actions(job.intent, activity, job.record.limits_checked)

    @staticmethod
    def _check_new(job: LocalJob) -> None:
        """Ask the limits script of a new job before the others, as LGI does; the record says what follows."""
        job.is_new = False
        if job.intent is ServerIntent.WANTED and not (job.record.limits_checked or job.record.ending):
            limits_check.check_limits(job)

    def _record_success_of_running(self, job: LocalJob) -> None:
        schedule = job.schedule
        if schedule.lost_at is None and schedule.has_run_for(IMMEDIATE_SECONDS, self.clock.now):
            self.circuit_breaker.record_success(job)

    def _execute(self, job: LocalJob, actions: Actions) -> bool:
        try:
            succeeded = action_runner.execute(job, actions)
        except NoAnswerError:
            if Action.RUN in actions:
                self.circuit_breaker.record_failure(job)
            raise
        is_refused = job.record.ending == State.QUEUED
        if Action.RUN in actions and not succeeded and job.intent is ServerIntent.WANTED and not is_refused:
            self.circuit_breaker.record_failure(job)
        elif Action.REPORT_FINISHED in actions:
            self._record_end(job)
        return succeeded

    def _record_end(self, job: LocalJob) -> None:
        """Record an end as a success of the application, unless the job was lost or failed at once.

        One that was killed because it used too much is neither a success nor a failure of the application.
        """
        schedule = job.schedule
        has_failed = job.record.end.result(job.record.ending) is Result.FAILED
        is_immediate = schedule.was_lost_within(IMMEDIATE_SECONDS) or (
            has_failed and schedule.finished_within(FAILED_SECONDS)
        )
        if schedule.lost_at is None and not is_immediate:
            self.circuit_breaker.record_success(job)
        elif is_immediate and job.intent is not ServerIntent.UNWANTED and not excess.reason_of(job):
            self.circuit_breaker.record_failure(job)

    def _may_start(self, job: LocalJob) -> bool:
        """Return whether to start a job now; restarts that its run script asks for have growing delays."""
        schedule, now = job.schedule, self.clock.now
        if schedule.started_at is None:
            return True
        if not schedule.has_run_for(IMMEDIATE_SECONDS, now):
            self.circuit_breaker.record_failure(job)
        if not schedule.restart_due(now):
            return False
        log.warning("%s: its run script asked for a restart %d times", job.title, schedule.starts)
        return True
