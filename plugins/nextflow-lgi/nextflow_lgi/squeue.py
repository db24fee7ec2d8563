"""squeue: list the jobs of sbatch, in the states of Slurm."""

import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence

from lgi_tools import Job, Project, State
from lgi_tools.client.job_end import Outcome
from nextflow_lgi import program

# Seconds for which a job that has ended is listed.
_ENDED = 3600
_LONG = {
    "PD": "PENDING",
    "R": "RUNNING",
    "CG": "COMPLETING",
    "CD": "COMPLETED",
    "CA": "CANCELLED",
    "F": "FAILED",
    "TO": "TIMEOUT",
}
_FIELD = re.compile(r"%\.?[0-9]*(.)")


def state_of(job: Job) -> str:
    """Return the state of a job as Slurm's two letters."""
    if job.state == State.QUEUED:
        return "PD"
    if not job.ended:
        return "CG" if job.state == State.ABORTING else "R"
    if job.state == State.ABORTED:
        return "CA"
    if job.end.outcome is Outcome.SUCCEEDED:
        return "CD"
    return "TO" if job.end_reason.startswith("time limit") else "F"


_VALUES: dict[str, Callable[[Job], str]] = {
    "i": lambda job: str(job.id),
    "t": state_of,
    "T": lambda job: _LONG[state_of(job)],
    "j": lambda job: job.name,
    "P": lambda job: ",".join(job.targets),
    "u": lambda job: job.owners[0] if job.owners else "",
}


def show(project: Project, arguments: Sequence[str]) -> None:
    """Print a line for each job, nothing unless all are known. Raises ValueError, TransportError."""
    made = program.Parser("squeue")
    made.add_argument("-h", "--noheader", action="store_true")
    made.add_argument("-o", "--format", default="%i %P %j %u %t")
    made.add_argument("-t", "--states", default="PD,R,CG")
    made.add_argument("-p", "--partition", default="")
    made.add_argument("-j", "--jobs", default="")
    # Jobs are always one's own, whatever one's name is on this machine.
    made.add_argument("-u", "--user")
    made.add_argument("--me", action="store_true")
    given = made.parse_args(arguments)
    line = _line(given.format)
    states = {word.strip().upper() for word in given.states.split(",")}
    targets = {word.strip() for word in given.partition.split(",") if word.strip()}
    wanted = {word.strip() for word in given.jobs.split(",") if word.strip()}
    lines = [
        line(job)
        for job in sorted(_jobs(project), key=lambda job: job.id)
        if (not targets or targets & set(job.targets)) and (not wanted or str(job.id) in wanted)
        if "ALL" in states or states & {state_of(job), _LONG[state_of(job)]}
    ]
    if not given.noheader:
        print(
            _FIELD.sub(
                lambda found: {"i": "JOBID", "t": "ST", "T": "STATE"}.get(found[1], found[1]), given.format
            )
        )
    print("".join(f"{one}\n" for one in lines), end="")


def _line(pattern: str) -> Callable[[Job], str]:
    """Return what writes a job by a format, as ``%i %t``. Raises ValueError for a field that is not known."""
    if unknown := [field for field in _FIELD.findall(pattern) if field not in _VALUES]:
        raise ValueError(
            f"the field %{unknown[0]} is not known: use {' '.join(f'%{name}' for name in _VALUES)}"
        )
    return lambda job: _FIELD.sub(lambda found: _VALUES[found[1]](job), pattern)


def _jobs(project: Project) -> Iterator[Job]:
    """Yield one's own jobs of sbatch: those that have not ended, and those that have a short time ago."""
    known: set[int] = set()
    since = int(time.time()) - _ENDED
    mine = project.user
    for filters in ({"state": "!finished"}, {"since": since}):
        for job in project.jobs(labels=program.LABELS, owner=mine, **filters):
            is_old = job.ended and job.changed.timestamp() < since
            if job.id not in known and not is_old:
                known.add(job.id)
                yield job


def main(arguments: Sequence[str] | None = None) -> int:
    """Run squeue and return its exit code."""
    return program.run("squeue", show, arguments)


if __name__ == "__main__":
    sys.exit(main())
