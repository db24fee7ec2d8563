"""What the configuration says to the scheduler: how often it does what, and when it does what to a job."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path

from lgi_protocol import xml

_PULSE_LIMIT = re.compile(r"(\S+)\s+([1-9][0-9]{0,8})")


@dataclass(frozen=True)
class SchedulerSettings:
    """Periods and limits, in seconds unless told otherwise (wire.md 8)."""

    schedule_period: int = 300
    updates_period: int = 900
    pulse_period: int = 1800
    session_period: int = 600
    upkeep_period: int = 600
    history_period: int = 3600
    # A job that runs and has not been looked after for so long is lost; by application where that is given.
    pulse_limit: int = 3600
    pulse_limits: Mapping[str, int] = field(default_factory=dict)
    # A job that was lost so often is queued no more, but aborted; 0: it always is, as LGI does.
    most_losses: int = 0
    # A repository that belongs to no job is removed at this age; 0: never.
    orphan_age: int = 86_400
    # What was used counts half as much in the order of the queue after so long.
    share_half_life: int = 7 * 86_400
    # A file with a function order(jobs, usage) in place of LGI's.
    share_order: Path | None = None
    # The history of jobs is kept for so long; 0: for ever.
    history_age: int = 400 * 86_400

    def pulse_limit_of(self, application: str) -> int:
        """Return how long a job of an application may be without a pulse."""
        return self.pulse_limits.get(application, self.pulse_limit)


def _period(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 10**9):
        raise ValueError("write a number of seconds above 0")
    return int(text)


def _age(text: str) -> int:
    return 0 if text == "0" else _period(text)


def _times(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 7):
        raise ValueError("write how often, as 5, or 0 for any number of times")
    return int(text)


def _pulse_limits(text: str) -> dict[str, int]:
    """Return the limits in a text such as ``APPLICATION SECONDS, ...``."""
    found: dict[str, int] = {}
    for part in text.split(","):
        match = _PULSE_LIMIT.fullmatch(part.strip())
        if not match or not xml.is_name(match[1]) or match[1] in found:
            raise ValueError("write each application once with its seconds, as hello_world 120, vasp 86400")
        found[match[1]] = int(match[2])
    return found


KEYS: Mapping[str, Callable[[str], object]] = {
    **{one.name: _period for one in fields(SchedulerSettings)},
    "pulse_limits": _pulse_limits,
    "most_losses": _times,
    "orphan_age": _age,
    "history_age": _age,
    "share_order": Path,
}
