"""A simulated daemon without exchanges, as LGI_daemon at an older server: it makes LGI's calls, runs no job.

Every ``slow`` seconds, and immediately when a place becomes free, it signs up, requests work, claims the jobs
that it has places for, unlocks these and signs off, which unlocks the others. Every ``fast`` seconds it polls
its jobs, and reports those that have ended in another session.
"""

import random
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from benchmarks.soak.ledger import Deed, Ledger
from benchmarks.soak.plan import Plan
from lgi_protocol.errors import ErrorNumber, ServerError, TransportError
from lgi_protocol.job_description import JobDescription
from lgi_protocol.resource_api import ResourceCalls
from tests.support.grid import CAPABILITIES

APPLICATION = "hello_world"
_LOST = (ErrorNumber.NO_JOB, ErrorNumber.NOT_VISIBLE)


@dataclass
class Running:
    """A job that this daemon has, or may have, since the answer to its claim can be lost."""

    job_id: str
    reference: str
    ends: float
    claimed: bool = False
    time_stamp: str = ""

    @property
    def specifics(self) -> str:
        """The job_specifics that the claim posts."""
        return f"<daemon_reference> {self.reference} </daemon_reference>"


def output(daemon: str, reference: str) -> bytes:
    """Return the output of a job: the daemon that has run it, and its reference."""
    return f"{daemon} {reference}\n".encode()


class SimulatedDaemon:
    """A daemon that is driven by calls of `turn` with the time, in seconds of a monotonic clock."""

    def __init__(
        self,
        name: str,
        calls: ResourceCalls,
        plan: Plan,
        ledger: Ledger,
        begin: float,
        *,
        closing: Callable[[], bool],
    ) -> None:
        """Request work at ``begin`` for the first time.

        Once ``closing`` returns True no more jobs are claimed, and running jobs end at the next poll.
        """
        self.name = name
        self.jobs: dict[str, Running] = {}
        self._calls = calls
        self._plan = plan
        self._ledger = ledger
        self._tour_at = self._look_at = begin
        self._closing = closing

    @property
    def due(self) -> float:
        """When the next turn is."""
        full = self._closing() or len(self.jobs) >= self._plan.places
        return self._look_at if full else min(self._look_at, self._tour_at)

    @property
    def over(self) -> bool:
        """Whether the daemon has nothing left to do."""
        return self._closing() and not self.jobs

    def turn(self, now: float) -> None:
        """Do what is due; a refused call is tried again later."""
        try:
            if now >= self._look_at:
                self._look_at = now + self._plan.fast
                self._look(now)
            if not self._closing() and len(self.jobs) < self._plan.places and now >= self._tour_at:
                self._tour_at = now + self._plan.slow
                self._tour(now)
        except ServerError as error:
            pause = max(self._plan.fast, float(error.timeout) if error.back_off else 0.0)
            self._look_at, self._tour_at = now + pause, now + 2 * pause
        except TransportError:
            self._tour_at = now + 2 * self._plan.slow

    @contextmanager
    def _session(self, capabilities: str = "") -> Iterator[None]:
        self._calls.sign_up(capabilities)
        try:
            yield
        finally:
            with suppress(ServerError, TransportError):
                self._calls.sign_off()

    def _tour(self, now: float) -> None:
        with self._session(CAPABILITIES):
            offer = self._calls.request_work(APPLICATION, 0, self._plan.page)
            for job in offer.jobs:
                if self._closing() or len(self.jobs) >= self._plan.places:
                    # The sign-off unlocks the others.
                    return
                self._claim(job.job_id, offer.resource, now)
                self._tour_at = min(self._tour_at, now + self._plan.fast)
                self._calls.unlock(job.job_id)

    def _claim(self, job_id: str, resource: str, now: float) -> None:
        lasts = random.uniform(self._plan.shortest, self._plan.longest)  # noqa: S311 - a load, not a secret
        job = Running(job_id, secrets.token_hex(16).upper(), now + lasts)
        # Stored before the call: a claim whose answer is lost may have succeeded.
        self.jobs[job_id] = job
        try:
            answer = self._calls.update(
                job_id, state="running", target_resources=resource, job_specifics=job.specifics
            )
        except ServerError:
            del self.jobs[job_id]
            raise
        self._update(job, answer)

    def _update(self, job: Running, answer: JobDescription) -> None:
        """Update the job from an answer: whether it still is this daemon's, and whether it has ended."""
        if answer.daemon_reference != job.reference or answer.state not in {"running", "finished"}:
            del self.jobs[job.job_id]
            if job.claimed:
                self._note(Deed.TAKEN_AWAY, job)
            return
        if not job.claimed:
            job.claimed = True
            self._note(Deed.CLAIMED, job)
        if answer.state == "finished":
            del self.jobs[job.job_id]
            self._note(Deed.ENDED, job)

    def _note(self, deed: Deed, job: Running) -> None:
        self._ledger.note(deed, job.job_id, self.name, job.reference)

    def _look(self, now: float) -> None:
        for job in list(self.jobs.values()):
            self._ask(job)
        ended = [job for job in self.jobs.values() if self._closing() or now >= job.ends]
        if ended:
            with self._session():
                for job in ended:
                    self._report(job)
            # More jobs are queued than there were places for.
            self._tour_at = now

    def _ask(self, job: Running) -> None:
        try:
            self._update(job, self._calls.job_state(job.job_id))
        except ServerError as error:
            if error.number not in _LOST:
                raise
            del self.jobs[job.job_id]
            self._note(Deed.TAKEN_AWAY, job)

    def _report(self, job: Running) -> None:
        self._calls.lock(job.job_id)
        try:
            self._update(job, self._calls.job_state(job.job_id))
            if job.job_id in self.jobs:
                data = output(self.name, job.reference)
                reference = job.reference
                answer = self._calls.update(
                    job.job_id, state="finished", output=data, daemon_reference=reference
                )
                self._update(job, answer)
        finally:
            with suppress(ServerError, TransportError):
                self._calls.unlock(job.job_id)
