"""A simulated daemon that makes exchanges, as LGI_daemon does with a server that takes them; it runs no job.

What it posts and when is read off `lgi_daemon.loop` and `claiming`, and decided here without any input or
output. A worker's exchange is made

* in each cycle: every ``slow`` seconds, and ``fast`` seconds after a job was given or has ended;
* when a job has ended, with its report, but 0.03 s after the last report at the earliest;
* ``fast`` seconds after the last answer while there are jobs: their heartbeat.

While a server holds an exchange that asks for all free places, cycles and heartbeats wait for 45 s, from its
begin or from the last exchange of the worker on.

Each of them has all that is due: reports, holds of all other jobs, a want for all places that are free or are
freed by a report, and as many references, but not for what an exchange under way asks for already. So a full
daemon gets the next job in the answer to the report.

Beside it a held exchange (wait=40) waits on a connection of its own for an abort of a job, and for jobs if
places are free. Without free places it begins a second after the last exchange of the worker, as the daemon's
does; one that wants nothing while a place is free is cut off with its connection, and made anew on another.
So is one that does not name a job which is here for a second, unless the server hears of such jobs.

Left out are what no job of the test needs: rejected jobs, output of running jobs, sessions of LGI_attach.
"""

import math
import random
from collections.abc import Callable

from benchmarks.soak.ledger import Deed, Ledger
from benchmarks.soak.plan import Plan
from benchmarks.soak.references import References
from benchmarks.soak.simulated import APPLICATION, Running, output
from lgi_daemon.jobs.schedule import HELD_POLL_SECONDS
from lgi_daemon.loop.held_exchanges import CALM_SECONDS
from lgi_daemon.loop.report_pause import SECONDS as REPORT_PAUSE
from lgi_protocol.errors import ErrorNumber, ServerError, TransportError
from lgi_protocol.exchange import Exchange, ExchangeAnswer, GivenJob, Hold, JobAnswer, Report, Want
from lgi_protocol.machine_state import MachineState

# What a daemon says of its machine changes with each job, but it says that no oftener.
MACHINE_SECONDS = 60.0
# So long a server is left alone that does not answer.
FAILURE_SECONDS = 10.0
_LOST = (ErrorNumber.NO_JOB, ErrorNumber.NOT_VISIBLE, ErrorNumber.NOT_YOUR_LOCK)
_MACHINE = MachineState("Debian GNU/Linux 12 (bookworm), Linux 6.1.0 x86_64", 1_700_000_000, 0.5, 8, 7)


class ExchangeDaemon:
    """The decisions of a daemon; all times are in seconds of a monotonic clock."""

    def __init__(
        self,
        name: str,
        plan: Plan,
        ledger: Ledger,
        begin: float,
        end: float,
        *,
        make_request: Callable[[], bytes] = bytes,
    ) -> None:
        """Make the first exchange at ``begin``, and want no more jobs from ``end`` on."""
        self.name = name
        self.jobs: dict[str, Running] = {}
        self._plan = plan
        self._ledger = ledger
        self._end = end
        self._references = References(make_request)
        self._cycle_at = self._heartbeat_at = begin
        self._report_at = self._not_before = begin
        # What a server holds, and since when.
        self._held: Exchange | None = None
        # Whether the server tells news of jobs that a held exchange does not name, as it has announced.
        self.hears_unnamed = False
        self._held_since = begin
        # When a worker's exchange was answered last, and when the machine was described.
        self._answered_at = begin - CALM_SECONDS
        self._described_at = begin - MACHINE_SECONDS

    @property
    def load(self) -> int:
        """The part of the places that is taken, in percent."""
        return 100 * len(self.jobs) // self._plan.places

    def over(self, now: float) -> bool:
        """Return whether nothing is left to do: no job is here, and none may be in a lost answer."""
        return now >= self._end and not self.jobs and not self._references.has_doubtful

    def due(self, now: float) -> float:
        """Return when the worker's next exchange is due."""
        times = [max(job.ends, self._report_at) for job in self.jobs.values()]
        held = self._held
        if self._references.has_doubtful or (self.jobs and (held is None or not self._is_served(held))):
            times.append(self._heartbeat_at)
        elif self.jobs:
            times.append(max(self._heartbeat_at, self._held_since + HELD_POLL_SECONDS))
        if now < self._end:
            rarely = (
                self._answered_at + HELD_POLL_SECONDS if held and self._is_wanted(held) else self._cycle_at
            )
            times.append(max(self._cycle_at, rarely))
        return max(self._not_before, min(times, default=now))

    def make_up(self, now: float, *, held: bool = False) -> Exchange:
        """Return the exchange to post; a held one has no reports."""
        is_due = now >= self._report_at and not held
        ended = [job for job in self.jobs.values() if is_due and job.ends <= now]
        kept = [job for job in self.jobs.values() if job not in ended]
        room = self._plan.places - len(kept) - self._references.reserved if now < self._end else 0
        described = not held and now >= self._described_at + MACHINE_SECONDS
        if now >= self._cycle_at and not held:
            self._cycle_at = now + self._plan.slow
        return Exchange(
            reports=tuple(self._report(job) for job in ended),
            holds=tuple(Hold(job.job_id, job.reference, job.time_stamp) for job in kept),
            wants=(Want(APPLICATION, room, without=tuple(self.jobs)),) if room > 0 else (),
            references=self._references.provide(max(0, room)),
            watched=(),
            attached=(),
            machine=self._machine(now) if described else None,
        )

    def _report(self, job: Running) -> Report:
        return Report(job.job_id, job.reference, "finished", output(self.name, job.reference))

    def _machine(self, now: float) -> MachineState:
        self._described_at = now
        free = self._plan.places - len(self.jobs)
        return MachineState(*list(vars(_MACHINE).values())[:5], slots=self._plan.places, free_slots=free)

    def apply(self, posted: Exchange, answer: ExchangeAnswer, now: float, *, held: bool = False) -> None:
        """Apply an answer. Raise ValueError for the answer to another exchange."""
        if [one.job_id for one in answer.reports] != [one.job_id for one in posted.reports]:
            raise ValueError(f"{self.name}: the answer does not name the jobs that were reported")
        for verdict in answer.reports:
            self._apply_report(verdict)
        self._references.spend(answer.spent)
        self._references.answered(posted.references)
        for verdict in answer.holds:
            self._apply_hold(verdict)
        accepted = [self._accept(given, now) for given in answer.jobs]
        self._heartbeat_at = now + self._plan.fast
        if answer.reports or any(accepted):
            self._cycle_at = min(self._cycle_at, now + self._plan.fast)
        if not held:
            self._answered_at = now
            self._report_at = now + REPORT_PAUSE if posted.reports else self._report_at

    def _apply_report(self, verdict: JobAnswer) -> None:
        if verdict.error is None:
            self._drop(verdict, Deed.ENDED)
        elif verdict.error.number in _LOST:
            self._drop(verdict, Deed.TAKEN_AWAY)

    def _apply_hold(self, verdict: JobAnswer) -> None:
        job = self.jobs.get(verdict.job_id)
        if verdict.error is None:
            if job is not None and job.reference == verdict.daemon_reference:
                job.time_stamp = verdict.state_time_stamp
        elif verdict.error.number in _LOST:
            # A held exchange may be answered after the report of a job that it names.
            self._drop(verdict, Deed.TAKEN_AWAY)

    def _drop(self, verdict: JobAnswer, deed: Deed) -> None:
        job = self.jobs.get(verdict.job_id)
        if job is not None and job.reference == verdict.daemon_reference:
            del self.jobs[job.job_id]
            self._ledger.note(deed, job.job_id, self.name, job.reference)

    def _accept(self, given: GivenJob, now: float) -> bool:
        """Add a job, unless it is here; one without a reference of ours stays, and is found as left over."""
        one = given.description
        if not self._references.take(one.daemon_reference):
            return False
        lasts = random.uniform(self._plan.shortest, self._plan.longest)  # noqa: S311 - a load, not a secret
        job = Running(one.job_id, one.daemon_reference, now + lasts, True, one.state_time_stamp)
        self.jobs[job.job_id] = job
        self._ledger.note(Deed.CLAIMED, job.job_id, self.name, job.reference)
        return True

    def unanswered(self, posted: Exchange) -> None:
        """Record that an exchange was cut off: jobs may have been given to its references."""
        self._references.lost(posted.references)

    def lost(self, posted: Exchange, now: float, error: ServerError | TransportError) -> None:
        """Record that an exchange was refused, or its answer lost; all of it is posted again, later."""
        self.unanswered(posted)
        is_busy = isinstance(error, ServerError) and error.back_off
        seconds = float(error.timeout) if is_busy else FAILURE_SECONDS  # type: ignore[union-attr]
        self._not_before = now + seconds * random.uniform(1.0, 1.5)  # noqa: S311 - jitter, not a secret

    # The held exchange.

    def hold_started(self, held: Exchange, now: float) -> None:
        """Record that an exchange is given to a server to hold."""
        self._held, self._held_since = held, now

    def hold_ended(self, now: float) -> None:
        """Record that a server holds no exchange: what it has replaced is not made up for."""
        self._held = None
        if self._heartbeat_at < now:
            self._heartbeat_at = now + self._plan.fast
        if self._cycle_at < now:
            self._cycle_at += self._plan.slow * math.ceil((now - self._cycle_at) / self._plan.slow)

    def _is_served(self, held: Exchange) -> bool:
        return self.hears_unnamed or self.jobs.keys() <= {one.job_id for one in held.holds}

    def _is_wanted(self, held: Exchange) -> bool:
        return len(self.jobs) >= self._plan.places or bool(held.wants)

    def hold_at(self, now: float) -> float:
        """Return when the next held exchange may begin."""
        has_room = len(self.jobs) < self._plan.places
        return now if has_room else max(now, self._answered_at + CALM_SECONDS)

    def outdated_at(self, held: Exchange, now: float) -> float | None:
        """Return when a held exchange is to be cut off for what it does not say; None if it says all."""
        if now >= self._end or not self._is_wanted(held):
            return now
        return None if self._is_served(held) else now + CALM_SECONDS
