"""The time, as the daemon was told it last."""


class Clock:
    """Told by the one that ticks, read by everybody who works beside it; it never goes back."""

    def __init__(self, now: float = 0.0) -> None:
        """``now`` is in seconds of any clock that never goes back."""
        self.now = now
