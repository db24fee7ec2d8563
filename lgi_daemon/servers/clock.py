"""The time of the last tick of the daemon."""


class Clock:
    """Set by the thread that ticks, read by all workers; it never goes back."""

    def __init__(self, now: float = 0.0) -> None:
        """Start at ``now``, in seconds of any monotonic clock."""
        self.now = now
