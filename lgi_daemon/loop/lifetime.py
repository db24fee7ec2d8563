"""The lifetime of a daemon that is started for a limited time, as in a batch job; it never ends a job."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Lifetime:
    """Limits in seconds, 0 for none: ``idle`` without any job, ``life`` since the start.

    With ``drain`` the daemon takes no jobs: it only serves those of its predecessor.
    """

    idle: float = 0.0
    life: float = 0.0
    drain: bool = False


class LifetimeLimit:
    """Decides when to take no more jobs, and when to end."""

    def __init__(self, lifetime: Lifetime) -> None:
        """Measure the time from the first `tick` on."""
        self._lifetime = lifetime
        self._started_at: float | None = None
        self._busy_at = self._now = 0.0
        # Why no more jobs are taken, empty while they are.
        self.drain_reason = "all remaining jobs have ended" if lifetime.drain else ""

    def time_left(self) -> float | None:
        """Return for how many more seconds jobs are taken; None for any number."""
        if not self._lifetime.life:
            return None
        begin = self._now if self._started_at is None else self._started_at
        return max(0.0, begin + self._lifetime.life - self._now)

    def drain(self, reason: str) -> None:
        """Take no more jobs, and end after the last one; ``reason`` is why."""
        self.drain_reason = self.drain_reason or reason

    def tick(self, now: float, has_jobs: bool) -> None:
        """Record the time, and whether there is a job."""
        self._now = now
        if self._started_at is None:
            self._started_at = self._busy_at = now
        if has_jobs:
            self._busy_at = now
        idle, life = self._lifetime.idle, self._lifetime.life
        if not self.drain_reason and life and now - self._started_at >= life:
            self.drain_reason = f"it has run for {life:.0f} s"
        if not self.drain_reason and idle and now - self._busy_at >= idle:
            self.drain_reason = f"it has been idle for {idle:.0f} s"
