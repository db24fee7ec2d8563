"""A log that nobody can fill: so much is written in a while of what a caller or strangers make it say."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

# Of each caller in each logger, in each worker: enough to see what goes on, too little to fill a disk.
MOST, SECONDS = 100, 10.0
# Its lines are the doing of whoever connects, whatever their level is.
STRANGERS = frozenset({"lgi.serve"})
# So many spans are kept before those that are over are dropped.
_MOST_SPANS = 1000


@dataclass
class _Span:
    """The lines of one caller in one logger since a moment."""

    began: float
    lines: int = 0


class RateLimitFilter(logging.Filter):
    """Lets lines through until there are too many of a caller; the next ones tell how many are missing.

    The ``account`` of a record names its caller, as in ``log.info("...", extra={"account": "name mark"})``.
    Warnings, errors and the lines of strangers that have none are counted together.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """``clock`` is in seconds."""
        super().__init__()
        self._clock = clock
        self.spans: dict[tuple[str, str], _Span] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether a line is written. What tells of ordinary work, and of nobody's calls, always is."""
        account: str | None = getattr(record, "account", None)
        if record.levelno < logging.WARNING and account is None and record.name not in STRANGERS:
            return True
        now = self._clock()
        span = self._span((record.name, account or ""), now)
        if now - span.began >= SECONDS:
            missing = span.lines - MOST
            span.began, span.lines = now, 0
            if missing > 0:
                _say(record, f"{missing} lines were left out before this one: ")
        span.lines += 1
        if span.lines == MOST:
            _say(record, f"(the last one for at most {SECONDS:.0f} s) ")
        return span.lines <= MOST

    def _span(self, key: tuple[str, str], now: float) -> _Span:
        if key not in self.spans and len(self.spans) >= _MOST_SPANS:
            self.spans = {other: span for other, span in self.spans.items() if now - span.began < SECONDS}
        return self.spans.setdefault(key, _Span(now))


def _say(record: logging.LogRecord, first: str) -> None:
    record.msg, record.args = f"{first}{record.getMessage()}", ()


def install() -> None:
    """Have it so for all that this process logs, once logging is set up."""
    flood = RateLimitFilter()
    for handler in logging.getLogger().handlers:
        handler.addFilter(flood)
    # gunicorn has a handler of its own, made later.
    logging.getLogger("gunicorn.error").addFilter(flood)
