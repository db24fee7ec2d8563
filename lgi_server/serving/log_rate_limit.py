"""A log that strangers cannot fill: of what goes wrong only so much is written in a while."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

# Of each logger, in each worker: enough to see what goes on, too little to fill a disk.
MOST, SECONDS = 100, 10.0


@dataclass
class _Span:
    """The lines of one logger since a moment."""

    began: float
    lines: int = 0


class RateLimitFilter(logging.Filter):
    """Lets warnings and errors through until there are too many; the next ones tell how many are missing."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """``clock`` is in seconds."""
        super().__init__()
        self._clock = clock
        self._spans: dict[str, _Span] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether a line is written. What tells of ordinary work always is."""
        if record.levelno < logging.WARNING:
            return True
        now = self._clock()
        span = self._spans.setdefault(record.name, _Span(now))
        if now - span.began >= SECONDS:
            missing = span.lines - MOST
            span.began, span.lines = now, 0
            if missing > 0:
                _say(record, f"{missing} lines were left out before this one: ")
        span.lines += 1
        if span.lines == MOST:
            _say(record, f"(the last one for at most {SECONDS:.0f} s) ")
        return span.lines <= MOST


def _say(record: logging.LogRecord, first: str) -> None:
    record.msg, record.args = f"{first}{record.getMessage()}", ()


def install() -> None:
    """Have it so for all that this process logs, once logging is set up."""
    flood = RateLimitFilter()
    for handler in logging.getLogger().handlers:
        handler.addFilter(flood)
    # gunicorn has a handler of its own, made later.
    logging.getLogger("gunicorn.error").addFilter(flood)
