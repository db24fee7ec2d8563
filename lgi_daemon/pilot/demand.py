"""How many pilots are submitted, from the number of waiting jobs."""

from dataclasses import dataclass


@dataclass(frozen=True)
class PilotLimits:
    """Bounds of the pilots in the queue of the batch system, and of all pilots, those that run included."""

    waiting_minimum: int
    waiting_maximum: int
    pilot_limit: int


@dataclass(frozen=True)
class PilotCounts:
    """The pilots that wait in the batch system, and those that run."""

    waiting: int = 0
    running: int = 0


@dataclass(frozen=True)
class Decision:
    """The number of pilots to submit, and, when it is 0, the reason."""

    number: int
    reason: str = ""


def decide(jobs: int, pilots: PilotCounts, limits: PilotLimits) -> Decision:
    """Return how many pilots to submit for a number of waiting jobs.

    As LGI's pilot manager: one waiting pilot for two waiting jobs, within the bounds.
    """
    wanted = min(max((jobs + 1) // 2, limits.waiting_minimum), limits.waiting_maximum)
    missing = wanted - pilots.waiting
    free = limits.pilot_limit - pilots.waiting - pilots.running
    if missing > 0 and free > 0:
        return Decision(min(missing, free))
    if missing > 0:
        return Decision(0, f"there are as many pilots as pilot_limit allows, {limits.pilot_limit}")
    if not jobs and not wanted:
        return Decision(0, "no job waits")
    return Decision(0, f"{pilots.waiting} pilots wait already, and {wanted} are enough for {jobs} jobs")
