"""A rate limit on log lines, by caller, so that clients cannot fill the disk."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

# Lines of each caller in each logger and worker within so many seconds.
MOST, SECONDS = 100, 10.0
# Loggers whose lines clients cause without a certificate: limited at every level.
STRANGERS = frozenset({"lgi.serve"})
# The number of periods kept before those that are over are removed.
_MOST_SPANS = 1000


@dataclass
class _Span:
    """The number of lines of one caller in one logger since a time."""

    began: float
    lines: int = 0


class RateLimitFilter(logging.Filter):
    """Drops lines of a caller above the limit; a later line has the number of dropped ones.

    The ``account`` of a record names its caller, as in ``log.info("...", extra={"account": "name mark"})``.
    Warnings, errors and lines of `STRANGERS` without an account are counted together.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Create the filter; ``clock`` is in seconds."""
        super().__init__()
        self._clock = clock
        self.spans: dict[tuple[str, str], _Span] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether a line is written; one below WARNING without an account always is."""
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
    """Add the filter to all handlers of this process; call it after logging is set up."""
    flood = RateLimitFilter()
    for handler in logging.getLogger().handlers:
        handler.addFilter(flood)
    # gunicorn adds its own handler later.
    logging.getLogger("gunicorn.error").addFilter(flood)
