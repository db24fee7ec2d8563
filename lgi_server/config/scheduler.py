"""What the configuration says to the scheduler: how often it does what, and when it does what to a job."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lgi_protocol import xml
from lgi_server.config.setting import setting

SHORTEST_SESSION = 120
_PULSE_LIMIT = re.compile(r"(\S+)\s+([1-9][0-9]{0,8})")


def _period(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 10**9):
        raise ValueError("write a number of seconds above 0")
    return int(text)


def _session_limit(text: str) -> int:
    seconds = _period(text)
    if seconds < SHORTEST_SESSION:
        # A daemon runs a script of up to a minute between two calls.
        raise ValueError(f"write at least {SHORTEST_SESSION} seconds")
    return seconds


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


@dataclass(frozen=True)
class SchedulerSettings:
    """Periods and limits, in seconds unless told otherwise (wire.md 8)."""

    schedule_period: int = setting(_period, default=300)
    updates_period: int = setting(_period, default=900)
    pulse_period: int = setting(_period, default=1800)
    session_period: int = setting(_period, default=600)
    upkeep_period: int = setting(_period, default=600)
    history_period: int = setting(_period, default=3600)
    # A job that runs and has not been looked after for so long is lost; by application where that is given.
    pulse_limit: int = setting(_period, default=3600)
    pulse_limits: Mapping[str, int] = setting(_pulse_limits, is_list=True, default_factory=dict)
    # The session of a resource that has not called for so long ends, with its locks.
    session_limit: int = setting(_session_limit, default=1800)
    # A job that was lost so often is queued no more, but aborted; 0: it always is, as LGI does.
    most_losses: int = setting(_times, default=3)
    # A repository that belongs to no job is removed at this age; 0: never.
    orphan_age: int = setting(_age, default=86_400)
    # What was used counts half as much in the order of the queue after so long.
    share_half_life: int = setting(_period, default=7 * 86_400)
    # A file with a function order(jobs, usage) in place of LGI's.
    share_order: Path | None = setting(Path, default=None)
    # The history of jobs is kept for so long; 0: for ever.
    history_age: int = setting(_age, default=400 * 86_400)

    def pulse_limit_of(self, application: str) -> int:
        """Return how long a job of an application may be without a pulse."""
        return self.pulse_limits.get(application, self.pulse_limit)
