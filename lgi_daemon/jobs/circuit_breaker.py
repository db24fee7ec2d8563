"""Applications whose jobs fail as soon as they begin are left alone for a while, so that others run them."""

import logging
from dataclasses import dataclass, field
from threading import Lock

from lgi_daemon.jobs.job import LocalJob
from lgi_daemon.servers.clock import Clock

log = logging.getLogger(__name__)

# A run script that ends within this many seconds, without a mark or to be started again, has failed at once.
AT_ONCE_SECONDS = 60.0
# Jobs of so many users in a row, and the fault is probably not theirs.
FAILURES = 3
FIRST_REST = 600.0
LONGEST_REST = 6 * 3600.0


@dataclass
class _Application:
    failures: int = 0
    owners: set[str] = field(default_factory=set)
    rests: int = 0
    until: float = 0.0


class CircuitBreaker:
    """Of each application how many jobs have failed at once since the last that did not, and its rest."""

    def __init__(self, clock: Clock) -> None:
        """All are well."""
        self._clock = clock
        self._guard = Lock()
        self._applications: dict[tuple[str, str], _Application] = {}

    def failed_at_once(self, job: LocalJob) -> None:
        """A job's prologue failed, or its run script ended at once without a mark.

        Each job counts once, though it is tried again, and not while its application rests: it was taken
        before. A user alone, by its first owner, is no proof of anything but its own jobs.
        """
        if job.failed_at_once:
            return
        job.failed_at_once = True
        with self._guard:
            found = self._applications.setdefault(_key(job), _Application())
            if self._clock.now < found.until:
                return
            found.failures += 1
            found.owners.add(job.record.owners[0] if job.record.owners else "")
            if len(found.owners) < FAILURES:
                return
            seconds = min(LONGEST_REST, FIRST_REST * 2.0 ** min(found.rests, 10))
            found.rests, found.until = found.rests + 1, self._clock.now + seconds
        log.critical(
            "%d jobs of %s/%s in a row, of %d users, have failed at once, the last is %s: "
            "no more is asked for for %.0f s",
            found.failures, *_key(job), len(found.owners), job.title, seconds,
        )  # fmt: skip

    def went_well(self, job: LocalJob) -> None:
        """A job of an application runs or has finished: whatever was wrong with it is over."""
        with self._guard:
            found = self._applications.pop(_key(job), None)
        if found is not None and found.rests:
            log.info("jobs of %s/%s are well again", *_key(job))

    def rest_of(self, project: str, application: str) -> float:
        """For how many seconds an application is still to be left alone, 0 when it may be asked for."""
        found = self._applications.get((project, application))
        return max(0.0, found.until - self._clock.now) if found else 0.0

    def forget(self) -> None:
        """Think well of all again: the administrator has changed something."""
        with self._guard:
            self._applications.clear()


def _key(job: LocalJob) -> tuple[str, str]:
    return job.record.project, job.record.application
