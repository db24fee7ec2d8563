"""The back-off after pilots that fail: one after the other is tried, each time later, until one works."""

from dataclasses import dataclass
from typing import Any

from lgi_daemon.pilot.record import age
from lgi_protocol.backoff import Backoff

# In seconds. The first delay is that after one failure.
DELAYS = Backoff(first=60.0, longest=3600.0)


@dataclass(frozen=True)
class FailureHistory:
    """The number of failures in a row, the time of the last one, and its reason."""

    number: int = 0
    failed_at: float = 0.0
    reason: str = ""

    def add(self, now: float, reason: str) -> "FailureHistory":
        """Return the history with one more failure."""
        return FailureHistory(self.number + 1, now, reason)

    def at(self, now: float) -> "FailureHistory":
        """Return it for a clock that may have been set back."""
        return FailureHistory(self.number, min(self.failed_at, now), self.reason)

    def pause(self, now: float) -> float:
        """Return for how many more seconds no pilot is submitted; 0 for none."""
        if not self.number:
            return 0.0
        return max(0.0, DELAYS.next_delay(self.number - 1) - age(self.failed_at, now))

    def values(self) -> dict[str, Any]:
        """Return the content of its file."""
        return {"number": self.number, "failed_at": self.failed_at, "reason": self.reason}


def read_failures(values: dict[str, Any]) -> FailureHistory:
    """Return the history in a file; an empty one for a file that is none."""
    try:
        number, failed_at = int(values["number"]), float(values["failed_at"])
    except (KeyError, OverflowError, TypeError, ValueError):
        return FailureHistory()
    return FailureHistory(max(0, min(number, 1000)), failed_at, str(values.get("reason", "")))
