"""The jobs of this resource: what the server wants, what the scripts say, what is to be done."""

import logging
from collections.abc import Callable, Iterator

from lgi_daemon import lifecycle
from lgi_daemon.job import Job
from lgi_daemon.lifecycle import START, WAIT, Act, Standing, Step
from lgi_daemon.record import Phase, claimed_by
from lgi_daemon.reports import CLOSED, report, unlock
from lgi_daemon.scripts import NoAnswer
from lgi_daemon.servers import NotNow, Round, Servers
from lgi_protocol import resource_api
from lgi_protocol.client import Unreachable
from lgi_protocol.errors import ErrorNumber, ServerError
from lgi_protocol.states import State, counts_as

log = logging.getLogger(__name__)

# A claim whose answer was lost may still be on its way: a call takes at most this long.
CLAIM_PATIENCE = 90.0
SHORTEST_LOOK = 1.0
# Between two starts of a job that always ends without a mark.
LONGEST_PAUSE = 600.0
# A job whose scripts do not answer is left alone this many times as long as they were waited for.
SILENCE_FACTOR = 9.0
LONGEST_SILENCE = 1800.0
_LOST = (ErrorNumber.NO_JOB, ErrorNumber.NOT_VISIBLE)


class Jobs:
    """All jobs on this resource. Local scripts are asked often, servers once per fast cycle."""

    def __init__(self, servers: Servers, fast: float, stopping: Callable[[], bool] = lambda: False) -> None:
        """``fast`` is in seconds; when ``stopping`` says so no further job is begun with."""
        self.servers = servers
        self.fast = fast
        self.stopping = stopping
        self._jobs: dict[str, Job] = {}

    def __iter__(self) -> Iterator[Job]:
        """The jobs at this moment."""
        return iter(list(self._jobs.values()))

    def __len__(self) -> int:
        """How many there are."""
        return len(self._jobs)

    def add(self, job: Job) -> None:
        """Look after a job from now on."""
        self._jobs[job.record.reference] = job

    def forget(self, job: Job) -> None:
        """Look after a job no longer."""
        self._jobs.pop(job.record.reference, None)

    def cycle(self, now: float) -> int:
        """Ask the servers and do what is due, job after job; how many jobs ended."""
        before = len(self._jobs)
        with Round(self.servers, now) as round_:
            for job in self:
                if not self.stopping():
                    self._attend(job, round_)
        self._jobs = {reference: job for reference, job in self._jobs.items() if not job.gone}
        return before - len(self._jobs)

    def _attend(self, job: Job, round_: Round) -> None:
        """One look at one job; whatever fails leaves it for the next."""
        now = round_.now
        if job.first_seen is None:
            job.first_seen = now
        try:
            if now >= job.poll_at:
                self._poll(job, round_)
            if not job.gone and job.record.phase is Phase.ACCEPTED and self._is_due(job, now):
                self._look(job, round_)
        except NoAnswer as error:
            self._leave_alone(job, error, now)
        except OSError as error:
            log.critical("%s: the disk does not take it: %s; tried again later", job.title, error)
            job.look_at = now + self.fast
        except Exception:
            # One job, whatever it has done to its directory or its server to its description, is not all.
            log.critical("%s: a mistake of ours; it is tried again later", job.title, exc_info=True)
            job.look_at = job.poll_at = now + self.fast

    def _leave_alone(self, job: Job, error: NoAnswer, now: float) -> None:
        """After scripts that do not answer: longer each time, and many times as long as they held us up.

        What the server comes to want of it, as its end, is worth another look. What is left of a job that
        is to end is killed, when that can be told from others: it may be what holds its scripts up.
        """
        job.silences += 1
        lost = SILENCE_FACTOR * error.seconds
        job.pause = max(self.fast, lost, min(2 * job.pause, LONGEST_SILENCE))
        job.look_at = job.quiet_until = now + job.pause
        job.quiet_as = job.standing
        log.warning("%s: %s; it is left as it is for %.0f s", job.title, error, job.pause)
        if job.standing in (Standing.UNWANTED, Standing.STALE):
            job.kill_user()

    def _is_due(self, job: Job, now: float) -> bool:
        """Also at once when a run script that was alive has ended."""
        if now < job.quiet_until and job.standing is job.quiet_as:
            return False
        return now >= job.look_at or (job.watched and not job.is_alive())

    # What the server wants.

    def _poll(self, job: Job, round_: Round) -> None:
        """Ask the server about a job; that also tells it that the job is looked after."""
        server = job.record.server
        try:
            with self.servers.watching(server, round_.now):
                told = self.servers.connect(job.record.project, server).job_state(job.record.job_id)
                job.poll_at = round_.now + self.fast
                self._settle(job, told, round_)
            if not job.gone:
                job.check_files()
        except NotNow:
            return
        except Unreachable as error:
            job.poll_at = round_.now
            log.debug("%s: no word of it: %s", job.title, error.reason)
        except ServerError as error:
            self._refused(job, error, round_.now)
            round_.sign_off(job.record.project, server)

    def _refused(self, job: Job, error: ServerError, now: float) -> None:
        if error.number in _LOST:
            job.poll_at = now + self.fast
            if job.record.phase is Phase.CLAIMING:
                self._drop_claim(job, str(error))
            else:
                job.disown(str(error))
            job.look_at = now
        elif not error.back_off:
            job.poll_at = now + self.fast
            log.warning("%s: the server does not tell its state: %s", job.title, error)

    def _settle(self, job: Job, told: resource_api.Job, round_: Round) -> None:
        """Bring the record up to what the server said."""
        ours = claimed_by(job.record, told)
        if job.record.phase is Phase.CLAIMING and not ours:
            self._doubt(job, told, round_.now)
        elif ours and job.record.ending and counts_as(told.state) in CLOSED:
            log.info("%s: the server has it as %s", job.title, told.state)
            job.remove()
        elif not ours or told.state_time_stamp != job.record.state_time_stamp:
            self._synchronise(job, told, round_)

    def _doubt(self, job: Job, told: resource_api.Job, now: float) -> None:
        """The server does not say that a claimed job is ours, and never will when no claim is under way."""
        age = now - (now if job.first_seen is None else job.first_seen)
        if told.state == State.QUEUED and age < CLAIM_PATIENCE:
            job.poll_at = now + min(self.fast, CLAIM_PATIENCE / 3)
        else:
            self._drop_claim(job, f"the server has it as {told.state!r} without our reference")

    def _drop_claim(self, job: Job, why: str) -> None:
        log.info("%s: was not given to us: %s", job.title, why)
        job.remove()

    def _synchronise(self, job: Job, told: resource_api.Job, round_: Round) -> None:
        """Take over a change at once, then the details: they alone have the input and end the matter."""
        if told.state != job.record.state:
            log.info("%s: the server now has it as %s", job.title, told.state)
        job.look_at = round_.now
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

    # What the scripts say, and what is to be done.

    def _look(self, job: Job, round_: Round) -> None:
        """Ask the scripts and carry out the step that follows."""
        # Asked before the scripts: an end that comes while they answer is noticed at the next tick.
        alive, job.watched = job.is_alive(), False
        step = self._step(job)
        if step == WAIT:
            job.silences, job.pause = 0, 0.0
            job.look_at = round_.now + self._pace(job, round_.now)
            job.watched = alive
            return
        if step == START and not self._may_start(job, round_.now):
            job.look_at = round_.now + self.fast
            return
        log.debug("%s: %s", job.title, ", ".join(step))
        done = job.carry_out(step, lambda one, ending: report(one, ending, round_))
        self._after(job, step, done, round_.now)

    def _step(self, job: Job) -> Step:
        if job.record.ending:
            return lifecycle.last_step(job.standing, State(job.record.ending))
        return lifecycle.step(job.standing, job.activity())

    def _after(self, job: Job, step: Step, done: bool, now: float) -> None:
        """When to look again: soon at what was just started or disowned, else after a fast cycle."""
        if done and Act.RUN in step:
            job.started_at = now
            job.starts += 1
            job.watched = True
        job.look_at = now + (SHORTEST_LOOK if done or job.record.disowned else self.fast)
        if job.record.ending and not done and not job.record.disowned:
            # The answer to the report may have been lost: the server is asked before it is made again.
            job.look_at = job.poll_at = now + min(self.fast, 10.0)

    def _may_start(self, job: Job, now: float) -> bool:
        """A job that ends without a mark is started again after pauses that grow, with a word in the log."""
        if job.started_at is None:
            return True
        pause = min(self.fast * 2 ** min(job.starts - 1, 10), max(self.fast, LONGEST_PAUSE))
        if now < job.started_at + pause:
            return False
        log.warning("%s: ended %d times without a sign that it has finished", job.title, job.starts)
        return True

    def _pace(self, job: Job, now: float) -> float:
        """Young jobs are looked at every second, old ones every tenth of their age, up to the fast cycle."""
        began = job.started_at if job.started_at is not None else job.first_seen
        age = now - (began if began is not None else now)
        return min(self.fast, max(SHORTEST_LOOK, age / 10))
