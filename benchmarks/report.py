"""The printed tables and the JSON file of a benchmark."""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from benchmarks.generator import Measured
from benchmarks.processes import Used
from benchmarks.statements import KINDS

# A row is marked when other processes used more cores, a client got less than this part of its even share,
# the slowest hundredth took this many times as long as the median, or the rate is lower by this part on the
# full queue.
FOREIGN_CORES = 0.25
FAIR_SHARE = 0.8
LONG_TAIL = 5.0
MOST_GROWTH = 0.2
_HEAD = (
    f"{'scenario':24}{'jobs':>8}{'conns':>6}{'per second (min-max)':>26}{'p50 ms':>9}{'p99 ms':>9}"
    f"{'cpu ms':>8}{'db ms':>7}{'of list':>9}{'full:0':>8}"
)


@dataclass
class Row:
    """One scenario at one length of the queue and one number of clients, run several times.

    ``units`` is the number of jobs, or of other units, in one circle; rates and costs are those of one unit.
    ``ratios`` are the rates divided by those of the server list, measured right before each run;
    ``cpu_ms`` and ``database_ms`` are the processor time of server and database for one unit.
    ``foreign_cores`` is what other processes of the machine used meanwhile: where it is large, the row is
    unreliable.
    """

    scenario: str
    jobs: int
    clients: int
    units: int = 1
    runs: list[Measured] = field(default_factory=list)
    ratios: list[float] = field(default_factory=list)
    cpu_ms: list[float] = field(default_factory=list)
    database_ms: list[float] = field(default_factory=list)
    foreign_cores: list[float] = field(default_factory=list)
    full_to_empty: float | None = None

    def add(self, run: Measured, ratio: float, used: Used) -> None:
        """Add a run, its ratio to the server list, and the processor time it used."""
        units = max(1, run.done + run.warm + run.empty) * self.units
        known = used.server + used.database + run.client_cores * run.seconds
        self.runs.append(run)
        self.ratios.append(ratio * self.units)
        self.cpu_ms.append(used.server / units * 1000)
        self.database_ms.append(used.database / units * 1000)
        self.foreign_cores.append(max(0.0, used.machine - known) / used.time)

    @property
    def ratio(self) -> float:
        """The median of the ratios."""
        return median(self.ratios)

    @property
    def trouble(self) -> str:
        """The errors of the runs, empty when there were none."""
        errors: Counter[str] = Counter()
        for run in self.runs:
            errors.update(run.errors)
        failed, broken = sum(run.failed for run in self.runs), sum(run.broken for run in self.runs)
        if not failed and not broken and not errors:
            return ""
        return f"{failed} failed, {broken} without an LGI answer, LGI errors {dict(errors)}"

    @property
    def remarks(self) -> str:
        """The remarks after a row."""
        empty = sum(run.empty for run in self.runs)
        share = empty / max(1, empty + sum(run.done for run in self.runs))
        foreign, least = median(self.foreign_cores), self._middle("least_share")
        tail = self._middle("p99_ms") / max(0.001, self._middle("p50_ms"))
        growth = 1.0 if self.full_to_empty is None else self.full_to_empty
        remarks = [
            self.trouble,
            f"{share:.1%} found no work" if empty else "",
            f"a client had {least:.0%} of its share" if least < FAIR_SHARE else "",
            f"p99 is {tail:.1f} times p50" if tail > LONG_TAIL else "",
            f"{1 - growth:.0%} below the empty queue" if growth < 1 - MOST_GROWTH else "",
            f"others used {foreign:.1f} cores" if foreign > FOREIGN_CORES else "",
        ]
        return "; ".join(remark for remark in remarks if remark)

    def line(self) -> str:
        """Return the row of the table."""
        rates = [run.per_second * self.units for run in self.runs]
        spread = f"{median(rates):.1f} ({min(rates):.1f}-{max(rates):.1f})"
        full = "" if self.full_to_empty is None else f"{self.full_to_empty:.2f}"
        return (
            f"{self.scenario:24}{self.jobs:>8}{self.clients:>6}{spread:>26}{self._middle('p50_ms'):>9.2f}"
            f"{self._middle('p99_ms'):>9.2f}{median(self.cpu_ms):>8.2f}{median(self.database_ms):>7.2f}"
            f"{self.ratio:>9.3f}{full:>8}  {self.remarks}"
        ).rstrip()

    def _middle(self, name: str) -> float:
        return median(float(getattr(run, name)) for run in self.runs)


def print_head(database: str) -> None:
    """Return the head of the table of rates."""
    print(f"\n{database}, 2 workers, {os.cpu_count()} cores shared with load and database.")
    print("Rates are noisy; the two ratios on the right are what counts.\n")
    print(_HEAD, flush=True)


def print_statements(counts: Mapping[str, Mapping[str, int]]) -> None:
    """Return the table of statements."""
    print(f"\n{'statements of one call':24}" + "".join(f"{kind:>8}" for kind in (*KINDS, "work")))
    for call, cost in counts.items():
        total = sum(cost[kind] for kind in ("select", "insert", "update", "delete"))
        print(f"{call:24}" + "".join(f"{cost[kind]:>8}" for kind in KINDS) + f"{total:>8}")
    print("work is without begin and commit; replace counts as insert", flush=True)


def circumstances(database: str, seconds: float, runs: int) -> dict[str, object]:
    """Return the conditions of the measurement."""
    return {
        "commit": _git("rev-parse", "HEAD"),
        "changed_files": len(_git("status", "--porcelain", "--untracked-files=no").splitlines()),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": sys.version.split()[0],
        "cores": os.cpu_count(),
        "load_before": os.getloadavg()[0],
        "database": database,
        "seconds": seconds,
        "runs": runs,
    }


def _git(*words: str) -> str:
    done = subprocess.run(["git", *words], capture_output=True, text=True, check=False)  # noqa: S603, S607
    return done.stdout.strip()


def write(path: Path, about: Mapping[str, object], rows: Sequence[Row], counts: Mapping[str, object]) -> None:
    """Write the JSON file."""
    text = json.dumps({**about, "rows": [asdict(row) for row in rows], "statements": counts}, indent=1)
    path.write_text(text + "\n")
    print(f"\nwritten to {path}")
