"""The plan of a torture test: the numbers of daemons and jobs, its duration, and its faults."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """A kind of fault. ``..._DAEMON`` and ``LINK_...`` affect one daemon, the others the servers."""

    KILL_WORKER = "kill -9 of a worker of the server"
    KILL_SERVER = "kill -9 of the server with all its workers"
    KILL_SCHEDULER = "kill -9 of the scheduler"
    KILL_DATABASE = "kill -9 of the database"
    KILL_DAEMON = "kill -9 of a daemon"
    STOP_DAEMON = "a daemon that stands still (SIGSTOP)"
    LINK_CUT = "a daemon's connections cut, none possible"
    LINK_RESET = "a daemon's connections cut once"
    LINK_DELAY = "a daemon's connections delayed"
    FULL_RUN_DISK = "the disk of a run directory full"
    FULL_SERVER_DISK = "the disk of the server's files full"
    DAEMON_CLOCK = "the clock of a daemon set"


ON_DAEMONS = frozenset(
    {
        Kind.KILL_DAEMON,
        Kind.STOP_DAEMON,
        Kind.LINK_CUT,
        Kind.LINK_RESET,
        Kind.LINK_DELAY,
        Kind.FULL_RUN_DISK,
        Kind.DAEMON_CLOCK,
    }
)
# The relative frequency of each kind.
WEIGHTS = {
    Kind.KILL_WORKER: 4,
    Kind.KILL_SERVER: 2,
    Kind.KILL_SCHEDULER: 2,
    Kind.KILL_DATABASE: 1,
    Kind.KILL_DAEMON: 8,
    Kind.STOP_DAEMON: 3,
    Kind.LINK_CUT: 4,
    Kind.LINK_RESET: 4,
    Kind.LINK_DELAY: 2,
    Kind.FULL_RUN_DISK: 2,
    Kind.FULL_SERVER_DISK: 1,
    Kind.DAEMON_CLOCK: 2,
}
# Faults that stop all work: they last shorter.
_SHORT = frozenset({Kind.KILL_SERVER, Kind.KILL_DATABASE, Kind.FULL_SERVER_DISK})


@dataclass(frozen=True)
class Fault:
    """One fault: ``at`` seconds after the start, for ``seconds``; ``daemon`` is 0 for a fault of servers."""

    at: float
    kind: Kind
    seconds: float
    daemon: int = 0


@dataclass(frozen=True)
class Plan:
    """The parameters of one torture test. Times are in seconds.

    ``calm`` is the time after the last fault before the search for abandoned locks, ``drain`` the time
    for the remaining jobs to end. A daemon that is unreachable for longer than ``pulse_limit`` loses its
    jobs.
    """

    seed: int
    seconds: float = 3600.0
    daemons: int = 16
    jobs: int = 100_000
    queued: int = 400
    places: int = 4
    pause: float = 5.0
    longest: float = 40.0
    pulse_limit: int = 25
    calm: float = 60.0
    drain: float = 600.0
    database: str = "mariadb"


def faults(plan: Plan, possible: Sequence[Kind]) -> list[Fault]:
    """Return the faults of a plan ordered by time; the same seed gives the same faults."""
    chance = random.Random(plan.seed)  # noqa: S311 - a plan that can be repeated, no secret
    kinds = [kind for kind in Kind if kind in possible]
    weights = [WEIGHTS[kind] for kind in kinds]
    found: list[Fault] = []
    at = chance.expovariate(1 / plan.pause)
    while at < plan.seconds:
        (kind,) = chance.choices(kinds, weights)
        longest = plan.longest / 4 if kind in _SHORT else plan.longest
        daemon = chance.randrange(1, plan.daemons + 1) if kind in ON_DAEMONS else 0
        found.append(Fault(round(at, 2), kind, round(chance.uniform(0.1, longest), 2), daemon))
        at += chance.expovariate(1 / plan.pause)
    return found
