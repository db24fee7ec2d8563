"""Offered jobs that this resource rejected, and for how long each is not considered again."""

from dataclasses import dataclass
from threading import Lock
from typing import NamedTuple

from lgi_daemon.servers.clock import Clock
from lgi_protocol.backoff import Backoff

_DELAYS = Backoff(first=60.0, longest=3600.0)
# For lack of room, which was there when the job was wanted: another exchange was faster. Where jobs are short
# slots become free in milliseconds.
_BRIEF_DELAYS = Backoff(first=0.2, longest=60.0)
# A server may offer other jobs for ever: only so many are remembered.
MAX_REMEMBERED = 10_000


class JobVersion(NamedTuple):
    """A job in the state it was offered in: after any change it may be accepted."""

    project: str
    server: str
    application: str
    job_id: str
    state_time_stamp: str


@dataclass(frozen=True)
class _Rejection:
    until: float
    attempts: int


class RejectedJobs:
    """Remembers rejected jobs, for all workers that fetch jobs at the same time."""

    def __init__(self, clock: Clock) -> None:
        """Start without any rejected job."""
        self._clock = clock
        self._guard = Lock()
        self._rejections: dict[JobVersion, _Rejection] = {}

    def retry_in(self, version: JobVersion) -> float:
        """Return for how many more seconds a job is not considered; 0 when it may be."""
        known = self._rejections.get(version)
        return max(0.0, known.until - self._clock.now) if known else 0.0

    def is_known(self, version: JobVersion) -> bool:
        """Return whether a job was rejected before."""
        return version in self._rejections

    def record(self, version: JobVersion, *, is_brief: bool = False) -> None:
        """Record a rejection: each time the job is left alone for longer, never shorter than before."""
        delays = _BRIEF_DELAYS if is_brief else _DELAYS
        with self._guard:
            known = self._rejections.pop(version, None)
            attempts = known.attempts if known else 0
            until = self._clock.now + delays.next_delay(attempts)
            until = max(until, known.until) if known else until
            self._rejections[version] = _Rejection(until, attempts + 1)
            while len(self._rejections) > MAX_REMEMBERED:
                del self._rejections[next(iter(self._rejections))]

    def left_alone(self, project: str, server: str, application: str) -> list[str]:
        """Return the numbers of the jobs of an application that are not considered now, the last first."""
        with self._guard:
            known = list(self._rejections.items())
        place, now = (project, server, application), self._clock.now
        return [
            version.job_id
            for version, rejection in reversed(known)
            if version[:3] == place and rejection.until > now
        ]

    def next_end(self, project: str, server: str) -> float | None:
        """Return in how many seconds the first job of a server is considered again; None for no such job."""
        with self._guard:
            known = list(self._rejections.items())
        left = (one.until - self._clock.now for version, one in known if version[:2] == (project, server))
        return min((seconds for seconds in left if seconds > 0), default=None)

    def clear(self) -> None:
        """Consider all jobs again, since the scripts may have changed."""
        with self._guard:
            self._rejections.clear()
