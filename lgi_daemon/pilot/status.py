"""The status of LGI_pilot: what waits, which pilots there are, and why none is submitted."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from lgi_daemon.pilot.demand import PilotLimits
from lgi_daemon.pilot.pilot_queue import Pilot
from lgi_daemon.pilot.record import shown_time
from lgi_daemon.pilot.waiting_jobs import WaitingCount

STATUS = "status.json"


@dataclass(frozen=True)
class Status:
    """What one update has found and done; ``reason`` is why no more pilots were submitted."""

    at: float
    waiting: WaitingCount
    pilots: tuple[Pilot, ...]
    submitted: int
    reason: str
    limits: PilotLimits

    def values(self) -> dict[str, Any]:
        """Return it for JSON."""
        states = [_state(one) for one in self.pilots]
        return {
            "time": shown_time(self.at),
            "jobs_waiting": self.waiting.total,
            "applications": [
                {"project": one.project, "application": one.application, "jobs_waiting": one.number}
                for one in self.waiting.jobs
            ],
            "problems": list(self.waiting.problems),
            "pilots_waiting": states.count("waiting"),
            "pilots_running": states.count("running"),
            "waiting_maximum": self.limits.waiting_maximum,
            "pilot_limit": self.limits.pilot_limit,
            "pilots": [
                {
                    "name": one.record.name,
                    "batch_id": one.record.batch_id,
                    "state": state,
                    "submitted": shown_time(one.record.submitted_at),
                }
                for one, state in zip(self.pilots, states, strict=True)
            ],
            "submitted": self.submitted,
            "reason": self.reason,
        }


def _state(pilot: Pilot) -> str:
    return pilot.state.value if pilot.state else "ending"


def lines(values: dict[str, Any]) -> Iterator[str]:
    """Yield the lines in which a person reads the values of a status."""
    yield f"at {values['time']}"
    yield f"{values['jobs_waiting']} jobs wait"
    for one in values["applications"]:
        yield f"  {one['jobs_waiting']} of {one['project']}/{one['application']}"
    yield from (f"  {problem}" for problem in values["problems"])
    yield (
        f"{values['pilots_waiting']} pilots wait (at most {values['waiting_maximum']}), "
        f"{values['pilots_running']} run (at most {values['pilot_limit']} in all)"
    )
    for one in values["pilots"]:
        yield f"  {one['name']}  job {one['batch_id'] or '?'}  {one['state']}  since {one['submitted']}"
    yield f"{values['submitted']} pilots submitted" + (f": {values['reason']}" if values["reason"] else "")
