"""The parameters of a load test: numbers of jobs and daemons, duration, cycles."""

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

# What the daemons make: exchanges, or the calls of LGI as with a server that takes none.
EXCHANGE, LGI = "exchange", "lgi"


# Daemons that start in a second: each makes two connections and five calls at once.
MOST_STARTS = 20


def default_cores() -> float:
    """Return the number of cores for simulators; server and database keep the larger part."""
    return 0.4 * (os.cpu_count() or 1)


@dataclass(frozen=True)
class Plan:
    """The parameters of one load test; times are in seconds.

    ``fast`` and ``slow`` are the daemon's -ft and -st. A daemon has ``places`` for jobs, each of which runs
    between ``shortest`` and ``longest``. ``calls`` is EXCHANGE or LGI; ``cores`` is what all simulators of
    LGI's calls together may use of the processors.
    """

    jobs: int = 100_000
    resources: int = 110
    seconds: float = 600.0
    fast: float = 5.0
    slow: float = 10.0
    # The daemons start one after the other within this time; 0 for the usual one.
    start: float = 0.0
    places: int = 4
    shortest: float = 30.0
    longest: float = 90.0
    processes: int = 2
    calls: str = EXCHANGE
    cores: float = field(default_factory=default_cores)
    sample_seconds: float = 5.0
    # The time from the start of the simulators to the common start of their daemons.
    lead: float = 3.0

    @property
    def quiet_seconds(self) -> float:
        """How long the simulators have for the keys and certificates of their daemons before the start."""
        return self.lead + 0.01 * self.resources

    @property
    def start_seconds(self) -> float:
        """Within which time the daemons start: their slow cycle, longer where more than 20 a second would."""
        return self.start or max(self.slow, self.resources / MOST_STARTS)

    def working_time(self, place: int) -> tuple[float, float]:
        """Return when a daemon starts and when it takes no more jobs, in seconds of the test.

        They stop as they start, one after the other: a thousand at once are a load of their own.
        """
        start = self.start_seconds * place / self.resources
        return start, start + self.seconds

    @property
    def page(self) -> int:
        """The ``limit`` that LGI_daemon sends with a request for work when it can run ``places`` jobs."""
        return min(256, max(32, 4 * self.places))


@dataclass(frozen=True)
class Part:
    """The input of one process of simulated daemons; ``daemons`` are names with keys and certificates."""

    plan: Plan
    url: str
    project: str
    ca: str
    daemons: tuple[tuple[str, str, str], ...]
    # The number of daemons in the processes before this one: daemons start one after the other.
    before: int
    # On the clock of time.time(), the same for all processes.
    begin: float
    ledger: str
    result: str

    def write(self, path: Path) -> None:
        """Write the input to a file."""
        path.write_text(json.dumps(asdict(self)))


def read_part(path: Path) -> Part:
    """Read the file of `Part.write`."""
    values: dict[str, Any] = json.loads(path.read_text())
    values["plan"] = Plan(**values["plan"])
    values["daemons"] = tuple((name, key, certificate) for name, key, certificate in values["daemons"])
    return Part(**values)
