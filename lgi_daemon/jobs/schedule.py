"""When a job is checked, polled at its server and reported next: events in, due times out.

All times are in seconds of the daemon's clock, which never goes back.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from lgi_daemon.execution.scripts import ScriptTimeouts
from lgi_daemon.jobs.lifecycle import ServerIntent
from lgi_protocol.backoff import Backoff

# Between a step of a job and the next local check, and between two checks of a young job.
SHORTEST_CHECK_INTERVAL = 1.0
# A mark may appear this much later than the end of the run script that made it.
LOST_SECONDS = 10.0
# The longest delay between two starts of a job that asks to be restarted, and between two failed steps.
LONGEST_RETRY_DELAY = 600.0
# A job whose run script is alive is running: asking the scripts of a thousand such jobs every second would
# cost more than everything else. They are asked this rarely, in case it has left its mark and does not end.
LIVING_SECONDS = 600.0
# A job whose scripts do not answer is left alone for this many times the period that was waited for them.
QUIET_FACTOR = 9.0
LONGEST_QUIET = 1800.0
# A claim whose answer was lost may still be under way: a call takes at most this long.
CLAIM_TIMEOUT = 90.0
# Between a failed report and the question whether the server has received it nevertheless.
REPORT_RETRY_DELAY = 10.0
# A server that holds an exchange says at once what changes of the jobs here: it is asked this rarely, if the
# fast cycle is shorter. No exchange is held for so long.
HELD_POLL_SECONDS = 45.0
# What the server wants of a job is asked before its scripts, but not waited for longer than this.
POLL_TIMEOUT = 10.0

_QUIET = Backoff(first=0.0, longest=LONGEST_QUIET)


@dataclass
class JobSchedule:
    """The times of one job, changed by events only.

    ``fast`` is the fast cycle in seconds, ``added_at`` when the daemon took the job into its table.
    """

    timeouts: ScriptTimeouts = field(default_factory=ScriptTimeouts)
    fast: float = 0.0
    added_at: float = 0.0
    next_check: float = 0.0
    next_script_check: float = 0.0
    next_poll: float = 0.0
    next_report: float = 0.0
    started_at: float | None = None
    starts: int = 0
    # The run script was alive at the last check: its end makes the next one due at once.
    watched: bool = False
    # Since when nothing seems to be left of the job.
    lost_at: float | None = None
    # When its scripts first said that it has finished.
    finished_at: float | None = None
    # How often in a row its prologue, and how often a script of its end, was run in vain.
    start_failures: int = 0
    end_attempts: int = 0
    # Of scripts that did not answer: how often in a row, and how long the job is left alone for that, unless
    # the server comes to want something else of it.
    unanswered: int = 0
    quiet_seconds: float = 0.0
    quiet_until: float = 0.0
    quiet_intent: ServerIntent | None = None

    # What is due.

    def check_due(self, now: float, intent: ServerIntent, is_alive: Callable[[], bool]) -> bool:
        """Return whether to check the job locally; at once when a run script that was alive has ended."""
        if now < self.quiet_until and intent is self.quiet_intent:
            return False
        return now >= self.next_check or (self.watched and not is_alive())

    def script_check_due(self, now: float) -> bool:
        """Return whether to ask the scripts although the run script is alive."""
        return now >= self.next_script_check

    def poll_due(self, now: float) -> bool:
        """Return whether to ask the server for the job's state."""
        return now >= self.next_poll

    def awaits_poll(self, now: float) -> bool:
        """Return whether a poll that is due is recent enough for a local check to wait for it."""
        return now < self.next_poll + POLL_TIMEOUT

    def report_due(self, now: float) -> bool:
        """Return whether to report a job that has ended."""
        return now >= self.next_report

    def restart_due(self, now: float) -> bool:
        """Return whether a job may be started: the first time always, later after growing delays."""
        return self.started_at is None or now - self.started_at >= self._retry_delay(self.starts - 1)

    def claim_expired(self, now: float) -> bool:
        """Return whether a claim that the server does not confirm cannot be under way any more."""
        return now - self.added_at >= CLAIM_TIMEOUT

    def loss_pending(self, now: float) -> bool:
        """Return whether a job that seems lost may still leave a mark of its end."""
        return self.lost_at is not None and now < self._lost_for_good(self.lost_at)

    def has_run_for(self, seconds: float, now: float) -> bool:
        """Return whether the job was started by this daemon at least so many seconds ago."""
        return self.started_at is not None and now - self.started_at >= seconds

    def was_lost_within(self, seconds: float) -> bool:
        """Return whether the job was lost less than so many seconds after this daemon started it."""
        if self.lost_at is None or self.started_at is None:
            return False
        return self.lost_at < self.started_at + seconds

    def finished_within(self, seconds: float) -> bool:
        """Return whether the job had finished less than so many seconds after this daemon started it."""
        if self.finished_at is None or self.started_at is None:
            return False
        return self.finished_at < self.started_at + seconds

    @property
    def check_timeout(self) -> float:
        """How many seconds a check script may take: less each time it has not answered."""
        return max(self.timeouts.shortest_check, self.timeouts.check * 0.5**self.unanswered)

    # Events on this resource.

    def added(self, now: float, fast: float) -> None:
        """Record that the job was added to the job table."""
        self.fast = fast
        self.added_at = self.next_check = self.next_poll = now
        self.scripts_asked(now)

    def reconfigured(self, now: float) -> None:
        """Check and poll at once: the configuration has changed."""
        self.next_check = self.next_poll = now

    def check_started(self) -> None:
        """Record that a local check begins, which finds out again whether the run script is alive."""
        self.watched = False

    def scripts_asked(self, now: float) -> None:
        """Record that the scripts were asked, or need not be until a random later time."""
        self.next_script_check = now + LIVING_SECONDS * random.uniform(0.5, 1.0)  # noqa: S311 - no secret

    def activity_checked(self, now: float, is_lost: bool, is_finished: bool = False) -> None:
        """Record whether the scripts have found nothing left of the job, or that it has finished."""
        if is_finished and self.finished_at is None:
            self.finished_at = now
        if not is_lost:
            self.lost_at = None
        elif self.lost_at is None:
            self.lost_at = now

    def left_as_is(self, now: float, is_alive: bool) -> None:
        """Record that a check found nothing to do; the next one comes later the older the job is."""
        self.unanswered, self.quiet_seconds = 0, 0.0
        self.watched = is_alive
        self.next_check = self.next_script_check if is_alive else now + self._interval(now)
        if self.lost_at is not None:
            self.next_check = self._lost_for_good(self.lost_at)

    def start_postponed(self, now: float) -> None:
        """Postpone the start of a job that asks for a restart before `restart_due`."""
        self.next_check = now + self.fast

    def started(self, now: float) -> None:
        """Record that the run script was started."""
        self.started_at = now
        self.starts += 1
        self.start_failures = 0
        self.watched = True
        self.scripts_asked(now)

    def step_taken(self, now: float, needs_check: bool) -> None:
        """Record that actions were executed, or have failed and are retried after a growing delay.

        ``needs_check`` when they succeeded or the job was disowned: then it is checked after a second.
        """
        delay = self._retry_delay(max(0, self.end_attempts - 1, self.start_failures - 1))
        self.next_check = now + (SHORTEST_CHECK_INTERVAL if needs_check else delay)
        self.next_report = now

    def start_failed(self) -> None:
        """Record that the prologue has failed once more."""
        self.start_failures += 1

    def end_attempted(self) -> None:
        """Record that a script of the job's end was run once more."""
        self.end_attempts += 1

    def failed(self, now: float) -> None:
        """Retry after a fast cycle, a report sooner: an error on this side."""
        self.next_check = self.next_poll = now + self.fast
        self.next_report = max(self.next_report, now + min(self.fast, REPORT_RETRY_DELAY))

    def not_answered(self, now: float, waited: float, intent: ServerIntent) -> float:
        """Record a script without answer in ``waited`` seconds; return for how long the job is left alone."""
        self.unanswered += 1
        self.quiet_seconds = max(self.fast, QUIET_FACTOR * waited, _QUIET.increase(self.quiet_seconds))
        self.next_check = self.quiet_until = now + self.quiet_seconds
        self.quiet_intent = intent
        return self.quiet_seconds

    # Events at the server.

    def polled(self, now: float) -> None:
        """Record that the server has answered a poll."""
        self.next_poll = now + self.fast

    def hold_started(self, now: float) -> None:
        """Record that a server holds an exchange, and says at once what changes of the job."""
        self.next_poll = max(self.next_poll, now + max(self.fast, HELD_POLL_SECONDS))

    def hold_ended(self, now: float) -> None:
        """Record that no server holds an exchange for the job any more."""
        self.next_poll = min(self.next_poll, now + self.fast)

    def poll_failed(self, now: float) -> None:
        """Poll again: a call that followed the answer of the server has failed."""
        self.next_poll = now

    def abort_announced(self, now: float) -> None:
        """Poll at once: the server has announced that the job must be aborted."""
        self.next_poll = now

    def server_returned(self, now: float) -> None:
        """Retry failed scripts at once: the server answers again."""
        if self.end_attempts or self.start_failures:
            self.next_check = now

    def server_changed(self, now: float) -> None:
        """Check at once: the server has another state, does not know the job, or has received its end."""
        self.next_check = now

    def claim_unconfirmed(self, now: float) -> None:
        """Poll again before `CLAIM_TIMEOUT`: the server has not confirmed the claim yet."""
        self.next_poll = now + min(self.fast, CLAIM_TIMEOUT / 3)

    def report_failed(self, now: float) -> None:
        """Poll before the next report: only the answer to this one may have been lost."""
        self.next_report = self.next_poll = now + min(self.fast, REPORT_RETRY_DELAY)

    def _retry_delay(self, attempt: int) -> float:
        return Backoff(self.fast, max(self.fast, LONGEST_RETRY_DELAY)).next_delay(attempt)

    def _lost_for_good(self, lost_at: float) -> float:
        return lost_at + min(LOST_SECONDS, self.fast)

    def _interval(self, now: float) -> float:
        """Return a tenth of the job's age, at least a second and at most the fast cycle."""
        began = self.started_at if self.started_at is not None else self.added_at
        return min(self.fast, max(SHORTEST_CHECK_INTERVAL, (now - began) / 10))
