"""Stops fetching jobs of an application whose jobs fail immediately, so that other resources run them."""

import logging
from dataclasses import dataclass, field
from threading import Lock

from lgi_daemon.jobs.job import LocalJob
from lgi_daemon.servers.clock import Clock
from lgi_protocol.backoff import Backoff

log = logging.getLogger(__name__)

# A run script that ends within this many seconds, without a mark or asking for a restart, failed immediately.
IMMEDIATE_SECONDS = 60.0
# So did a job that was finished within this many seconds with an error: its scripts take a part of them.
FAILED_SECONDS = 3.0
# When jobs of this many users fail one after the other, the users are probably not the cause.
MAX_FAILED_USERS = 3
FIRST_OPEN_SECONDS, LONGEST_OPEN_SECONDS = 600.0, 6 * 3600.0
_OPEN_SECONDS = Backoff(first=FIRST_OPEN_SECONDS, longest=LONGEST_OPEN_SECONDS)


@dataclass
class _Application:
    failures: int = 0
    owners: set[str] = field(default_factory=set)
    opened: int = 0
    open_until: float = 0.0


class CircuitBreaker:
    """Counts, per application, the immediate failures since the last success.

    After too many the breaker of the application is open: no jobs of it are fetched.
    """

    def __init__(self, clock: Clock) -> None:
        """Start with all breakers closed."""
        self._clock = clock
        self._guard = Lock()
        self._applications: dict[tuple[str, str], _Application] = {}

    def record_failure(self, job: LocalJob) -> None:
        """Record that a job's prologue failed, or that its run script ended immediately and not well.

        Each job counts once, though it is retried, and not while the breaker is open: then it was claimed
        before. Failures of one user alone (the first owner) do not open the breaker.
        """
        if job.failed_immediately:
            return
        job.failed_immediately = True
        with self._guard:
            found = self._applications.setdefault(_key(job), _Application())
            if self._clock.now < found.open_until:
                return
            found.failures += 1
            found.owners.add(job.record.owners[0] if job.record.owners else "")
            if len(found.owners) < MAX_FAILED_USERS:
                return
            seconds = _OPEN_SECONDS.next_delay(found.opened)
            found.opened, found.open_until = found.opened + 1, self._clock.now + seconds
        log.critical(
            "%d consecutive jobs of %s/%s, of %d users, failed immediately (last: %s); "
            "not fetching more for %.0f s",
            found.failures, *_key(job), len(found.owners), job.title, seconds,
        )  # fmt: skip

    def record_success(self, job: LocalJob) -> None:
        """Record that a job runs or has finished: the breaker of its application closes."""
        with self._guard:
            found = self._applications.pop(_key(job), None)
        if found is not None and found.opened:
            log.info("jobs of %s/%s succeed again", *_key(job))

    def open_for(self, project: str, application: str) -> float:
        """Return for how many more seconds no jobs of an application are fetched, 0 when they are."""
        found = self._applications.get((project, application))
        return max(0.0, found.open_until - self._clock.now) if found else 0.0

    def reset(self) -> None:
        """Close all breakers: the administrator has changed the configuration."""
        with self._guard:
            self._applications.clear()


def _key(job: LocalJob) -> tuple[str, str]:
    return job.record.project, job.record.application
