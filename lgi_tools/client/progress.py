"""How a long transfer reports its progress."""

from collections.abc import Callable

# Called with the bytes done and the bytes in total, 0 when the total is unknown.
ProgressCallback = Callable[[int, int], None]


def no_progress(done: int, total: int) -> None:
    """Ignore the progress."""
