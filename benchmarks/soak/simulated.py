"""A daemon as its server sees it: the calls of LGI_daemon in their order, and nothing that runs.

Once every ``slow`` seconds, and at once when a place is free, it signs up, asks for a page of work, takes
what it has room for, unlocks that and signs off, which frees the others. Every ``fast`` seconds it asks after
each of its jobs, and reports the ended ones in a session of their own.
"""

import random
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from benchmarks.soak.ledger import Deed, Ledger
from benchmarks.soak.plan import Plan
from lgi_protocol.errors import ErrorNumber, ServerError, TransportError
from lgi_protocol.resource_api import JobDescription, ResourceCalls
from tests.support.grid import CAPABILITIES

APPLICATION = "hello_world"
_LOST = (ErrorNumber.NO_JOB, ErrorNumber.NOT_VISIBLE)


@dataclass
class Running:
    """A job this daemon has, or may have: the answer to its claim can be lost."""

    job_id: str
    reference: str
    ends: float
    claimed: bool = False

    @property
    def specifics(self) -> str:
        """What the claim posts."""
        return f"<daemon_reference> {self.reference} </daemon_reference>"


def output(daemon: str, reference: str) -> bytes:
    """Return the output of a job: who has run it, and under which claim."""
    return f"{daemon} {reference}\n".encode()


class SimulatedDaemon:
    """Lives by `turn`; time is told to it, in seconds of a clock that never goes back."""

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
        """Asks for work at ``begin`` for the first time.

        When ``closing`` says so no job is taken any more, and those that run end at the next look.
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
        """Whether there is nothing left to do."""
        return self._closing() and not self.jobs

    def turn(self, now: float) -> None:
        """Do what is due; whatever the server refuses is tried again later."""
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
                    # Signing off frees the others.
                    return
                self._claim(job.job_id, offer.resource, now)
                self._tour_at = min(self._tour_at, now + self._plan.fast)
                self._calls.unlock(job.job_id)

    def _claim(self, job_id: str, resource: str, now: float) -> None:
        lasts = random.uniform(self._plan.shortest, self._plan.longest)  # noqa: S311 - a load, not a secret
        job = Running(job_id, secrets.token_hex(16).upper(), now + lasts)
        # Kept before it is posted: a claim whose answer is lost may have been made.
        self.jobs[job_id] = job
        try:
            told = self._calls.update(
                job_id, state="running", target_resources=resource, job_specifics=job.specifics
            )
        except ServerError:
            del self.jobs[job_id]
            raise
        self._hear(job, told)

    def _hear(self, job: Running, told: JobDescription) -> None:
        """Learn from an answer about a job whose it is and whether it has ended."""
        if told.daemon_reference != job.reference or told.state not in {"running", "finished"}:
            del self.jobs[job.job_id]
            if job.claimed:
                self._note(Deed.TAKEN_AWAY, job)
            return
        if not job.claimed:
            job.claimed = True
            self._note(Deed.CLAIMED, job)
        if told.state == "finished":
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
            # Jobs wait that there was no place for.
            self._tour_at = now

    def _ask(self, job: Running) -> None:
        try:
            self._hear(job, self._calls.job_state(job.job_id))
        except ServerError as error:
            if error.number not in _LOST:
                raise
            del self.jobs[job.job_id]
            self._note(Deed.TAKEN_AWAY, job)

    def _report(self, job: Running) -> None:
        self._calls.lock(job.job_id)
        try:
            self._hear(job, self._calls.job_state(job.job_id))
            if job.job_id in self.jobs:
                data = output(self.name, job.reference)
                reference = job.reference
                told = self._calls.update(
                    job.job_id, state="finished", output=data, daemon_reference=reference
                )
                self._hear(job, told)
        finally:
            with suppress(ServerError, TransportError):
                self._calls.unlock(job.job_id)
