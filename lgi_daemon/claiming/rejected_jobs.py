"""The jobs that this resource would not take, and for how long it does not look at them again."""

from dataclasses import dataclass
from threading import Lock
from typing import NamedTuple

from lgi_daemon.servers.clock import Clock

FIRST_PAUSE, LONGEST_PAUSE = 60.0, 3600.0
# So many are remembered: a server may offer others for ever.
MOST = 10_000


class Version(NamedTuple):
    """A job as it was when it was offered: after any change of it the answer may be another one."""

    project: str
    server: str
    application: str
    job_id: str
    state_time_stamp: str


@dataclass(frozen=True)
class _Refusal:
    until: float
    pause: float


class RejectedJobs:
    """Asked and told by all who take jobs at the same time."""

    def __init__(self, clock: Clock) -> None:
        """Nothing was refused yet."""
        self._clock = clock
        self._guard = Lock()
        self._refused: dict[Version, _Refusal] = {}

    def rest_of(self, version: Version) -> float:
        """For how many seconds more it is not looked at; 0 when it may be."""
        known = self._refused.get(version)
        return max(0.0, known.until - self._clock.now) if known else 0.0

    def knows(self, version: Version) -> bool:
        """Whether it was refused before."""
        return version in self._refused

    def note(self, version: Version) -> None:
        """It was refused: it is left alone for twice as long as the last time."""
        with self._guard:
            known = self._refused.pop(version, None)
            pause = min(2 * known.pause, LONGEST_PAUSE) if known else FIRST_PAUSE
            self._refused[version] = _Refusal(self._clock.now + pause, pause)
            while len(self._refused) > MOST:
                del self._refused[next(iter(self._refused))]

    def forget(self) -> None:
        """Other scripts may answer otherwise."""
        with self._guard:
            self._refused.clear()
