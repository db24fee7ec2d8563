"""A look at a job on this resource: its scripts are asked and carry out the step that follows."""

import logging
import random
from collections.abc import Callable

from lgi_daemon.execution.scripts import NoAnswerError
from lgi_daemon.jobs import lifecycle
from lgi_daemon.jobs.circuit_breaker import AT_ONCE_SECONDS, CircuitBreaker
from lgi_daemon.jobs.error_isolation import ErrorIsolation
from lgi_daemon.jobs.job import LocalJob
from lgi_daemon.jobs.lifecycle import START, WAIT, Action, Actions, Activity, ServerIntent
from lgi_daemon.rundir.record import Phase
from lgi_daemon.servers.clock import Clock
from lgi_protocol.states import State

log = logging.getLogger(__name__)

SHORTEST_LOOK = 1.0
# A mark may come so much later than the end of the run script that made it.
LOST_SECONDS = 10.0
# Between two starts of a job that asks to be started again.
LONGEST_PAUSE = 600.0
# A job whose run script is known to live runs: asking a thousand such jobs every second would cost more than
# all the rest. Its scripts are asked this rarely, for the case that it has left its mark and does not end.
LIVING_SECONDS = 600.0


class LocalCheck:
    """Looks at one job at a time, in whatever thread; no server is called here."""

    def __init__(
        self,
        clock: Clock,
        fast: float,
        health: CircuitBreaker,
        trouble: ErrorIsolation,
        stopping: Callable[[], bool],
    ) -> None:
        """``fast`` is in seconds; when ``stopping`` says so no further job is begun with."""
        self.clock = clock
        self.fast = fast
        self.health = health
        self.trouble = trouble
        self.stopping = stopping

    def due(self, job: LocalJob) -> bool:
        """Whether a job is worth a look now; also at once when a run script that was alive has ended."""
        now = self.clock.now
        if job.gone or job.record.phase is not Phase.ACCEPTED or job.waits_for_report:
            return False
        if now < job.quiet_until and job.standing is job.quiet_as:
            return False
        return now >= job.look_at or (job.watched and not job.is_alive())

    def next_question(self) -> float:
        """When to ask the scripts of a job whose run script lives, another time for each that starts now."""
        return self.clock.now + LIVING_SECONDS * random.uniform(0.5, 1.0)  # noqa: S311 - no secret

    def look(self, job: LocalJob) -> None:
        """Look at a job, unless somebody else is at it: then at the next occasion."""
        if not job.hold.acquire(blocking=False):
            return
        try:
            if not self.stopping() and self.due(job):
                with self.trouble.kept_to(job):
                    self._look(job)
        finally:
            job.hold.release()

    def _look(self, job: LocalJob) -> None:
        # Asked before the scripts: an end that comes while they answer is noticed at the next tick.
        alive, job.watched = job.is_alive(), False
        step = WAIT if alive and self._needs_no_question(job) else self._step(job)
        if step == WAIT:
            self._wait(job, alive)
        elif step == START and not self._may_start(job):
            job.look_at = self.clock.now + self.fast
        else:
            log.debug("%s: %s", job.title, ", ".join(step))
            self._after(job, step, self._carry_out(job, step))

    def _needs_no_question(self, job: LocalJob) -> bool:
        """Whether the life of its run script says all there is to say of a job."""
        if job.record.ending or job.standing is not ServerIntent.WANTED:
            return False
        return self.clock.now < job.ask_at

    def _step(self, job: LocalJob) -> Actions:
        job.ask_at = self.next_question()
        if job.closed:
            return (Action.REMOVE,)
        if job.record.ending:
            return lifecycle.last_actions(job.standing, State(job.record.ending))
        activity = job.activity()
        if activity is not Activity.LOST:
            job.lost_at = None
        elif job.lost_at is None:
            job.lost_at = self.clock.now
        if job.lost_at is not None and self.clock.now < self._lost_for_good(job.lost_at):
            return WAIT
        return lifecycle.next_actions(job.standing, activity)

    def _lost_for_good(self, lost_at: float) -> float:
        return lost_at + min(LOST_SECONDS, self.fast)

    def _wait(self, job: LocalJob, alive: bool) -> None:
        job.silences, job.pause = 0, 0.0
        job.look_at = job.ask_at if alive else self.clock.now + self._pace(job)
        job.watched = alive
        if job.lost_at is not None:
            job.look_at = self._lost_for_good(job.lost_at)
        elif job.started_at is not None and self.clock.now - job.started_at >= AT_ONCE_SECONDS:
            self.health.went_well(job)

    def _carry_out(self, job: LocalJob, step: Actions) -> bool:
        try:
            done = job.carry_out(step)
        except NoAnswerError:
            if step == START:
                self.health.failed_at_once(job)
            raise
        if step == START and not done:
            self.health.failed_at_once(job)
        elif Action.REPORT_FINISHED in step:
            self._judge(job)
        return done

    def _judge(self, job: LocalJob) -> None:
        """Whether the end of a job speaks for its application: one without a trace of its own does not."""
        if job.lost_at is None:
            self.health.went_well(job)
        elif job.started_at is not None and job.lost_at < job.started_at + AT_ONCE_SECONDS:
            self.health.failed_at_once(job)

    def _after(self, job: LocalJob, step: Actions, done: bool) -> None:
        """When to look again: soon at what was just started or disowned, else after a fast cycle."""
        now = self.clock.now
        if done and Action.RUN in step:
            job.started_at = now
            job.starts += 1
            job.watched = True
            job.ask_at = self.next_question()
        again = min(self.fast * 2 ** min(max(0, job.tries - 1), 10), max(self.fast, LONGEST_PAUSE))
        job.look_at = now + (SHORTEST_LOOK if done or job.record.disowned else again)
        job.report_at = now

    def _may_start(self, job: LocalJob) -> bool:
        """A run script that asks for it is started again after pauses that grow, with a word in the log."""
        if job.started_at is None:
            return True
        age = self.clock.now - job.started_at
        if age < AT_ONCE_SECONDS:
            self.health.failed_at_once(job)
        if age < min(self.fast * 2 ** min(job.starts - 1, 10), max(self.fast, LONGEST_PAUSE)):
            return False
        log.warning("%s: its run script has asked %d times to be started again", job.title, job.starts)
        return True

    def _pace(self, job: LocalJob) -> float:
        """Young jobs are looked at every second, old ones every tenth of their age, up to the fast cycle."""
        began = job.started_at if job.started_at is not None else job.first_seen
        return min(self.fast, max(SHORTEST_LOOK, (self.clock.now - began) / 10))
