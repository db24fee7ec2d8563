"""The journal that the jobs write themselves: start and end of each run of a run script.

All jobs append lines to one file, with one write each: ``begin JOB REFERENCE UPTIME``, ``end ...`` or ``kill
...``. The uptime is that of the machine in seconds, which does not depend on the clock.
"""

from collections.abc import Iterable
from dataclasses import dataclass

WORDS = ("begin", "end", "kill")
# What the daemon writes in place of the reference of a job that another daemon has now (clients.md).
NOT_OURS = "! INVALID !"


@dataclass
class Run:
    """One run of a job's script; ``end`` is None when the script wrote no end."""

    job_id: int
    reference: str
    begin: float
    end: float | None = None


def runs(lines: Iterable[str]) -> list[Run]:
    """Return the runs in the order of their starts. Raises ValueError for a malformed line."""
    found: list[Run] = []
    open_runs: dict[tuple[int, str], Run] = {}
    for line in lines:
        word, job, reference, uptime = line.replace(f" {NOT_OURS} ", " - ").split()
        if word not in WORDS:
            raise ValueError(f"a job wrote {line!r}")
        key = int(job), reference
        if word == "begin":
            open_runs[key] = Run(*key, float(uptime))
            found.append(open_runs[key])
        elif (run := open_runs.get(key)) is not None and run.end is None:
            run.end = float(uptime)
    return sorted(found, key=lambda run: run.begin)
