"""The settings of the scheduler: the periods of its tasks, and the limits they enforce."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lgi_protocol import whole_number, xml
from lgi_server.config import values
from lgi_server.config.setting import setting

SHORTEST_SESSION = 120
# Seconds: daemons ask about a running job every 45 s at the latest, old ones every two minutes.
LEAST_PULSE_LIMIT = 180
_PULSE_LIMIT = re.compile(r"(\S+)\s+([1-9][0-9]{0,8})")


def _period(text: str) -> int:
    seconds = whole_number.read(text, 1, 10**9)
    if seconds is None:
        raise ValueError("write a number of seconds above 0")
    return seconds


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
    """Periods and limits in seconds, except where a comment says otherwise (wire.md 8)."""

    # Whether LGI_server starts a scheduler too.
    with_server: bool = setting(values.yes_or_no, default=True)
    schedule_period: int = setting(_period, default=300)
    updates_period: int = setting(_period, default=900)
    pulse_period: int = setting(_period, default=1800)
    session_period: int = setting(_period, default=600)
    upkeep_period: int = setting(_period, default=600)
    history_period: int = setting(_period, default=3600)
    # A running job without a heartbeat for so long is lost. An application may have its own limit.
    pulse_limit: int = setting(_period, default=3600)
    pulse_limits: Mapping[str, int] = setting(_pulse_limits, is_list=True, default_factory=dict)
    # The session of a resource that has not called for so long is ended, and its locks are released.
    session_limit: int = setting(_session_limit, default=1800)
    # A job that was lost so often is aborted instead of queued again; 0: never, as in LGI.
    most_losses: int = setting(_times, default=3)
    # The age at which a repository without a job is removed; 0: never.
    orphan_age: int = setting(_age, default=86_400)
    # The half-life of usage in fair share.
    share_half_life: int = setting(_period, default=7 * 86_400)
    # A Python file with a function order(jobs, usage), which replaces LGI's.
    share_order: Path | None = setting(Path, default=None)
    # How long the history of jobs is kept; 0: for ever.
    history_age: int = setting(_age, default=400 * 86_400)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Values that are allowed, and are hardly wanted."""
        each = {f"pulse_limits of {name}": seconds for name, seconds in self.pulse_limits.items()}
        why = f"make it {LEAST_PULSE_LIMIT} or more, or such jobs are lost"
        return tuple(
            f"{name} is {seconds} s while daemons ask about a running job every two minutes: {why}"
            for name, seconds in {"pulse_limit": self.pulse_limit, **each}.items()
            if seconds < LEAST_PULSE_LIMIT
        )

    def pulse_limit_of(self, application: str) -> int:
        """Return for how many seconds a job of an application may be without a heartbeat."""
        return self.pulse_limits.get(application, self.pulse_limit)
