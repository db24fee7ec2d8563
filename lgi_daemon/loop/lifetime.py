"""How long a daemon lives that was started for a while, as in a batch job: it never ends a job of its own."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Lifetime:
    """Limits in seconds, 0 for none: ``idle`` without any job, ``life`` in all.

    With ``drain`` it takes no job at all: it is there for those of the daemon before it.
    """

    idle: float = 0.0
    life: float = 0.0
    drain: bool = False


class LifetimeLimit:
    """Told at every tick what there is to do; says when to take no more jobs, and when to end."""

    def __init__(self, lifetime: Lifetime) -> None:
        """Life begins with the first `tick`."""
        self._lifetime = lifetime
        self._born: float | None = None
        self._busy_at = 0.0
        # Why no more jobs are taken, empty while they are.
        self.closed = "the jobs that were left have ended" if lifetime.drain else ""

    def tick(self, now: float, has_jobs: bool) -> None:
        """Note the time, and whether there is a job."""
        if self._born is None:
            self._born = self._busy_at = now
        if has_jobs:
            self._busy_at = now
        idle, life = self._lifetime.idle, self._lifetime.life
        if not self.closed and life and now - self._born >= life:
            self.closed = f"it has lived for {life:.0f} s"
        if not self.closed and idle and now - self._busy_at >= idle:
            self.closed = f"it was without work for {idle:.0f} s"
