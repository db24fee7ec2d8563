"""The list of LGI_qstat --long: what a person wants to know of each job, in columns that fit."""

import time
from collections.abc import Sequence

import click

from lgi_protocol import comma_lists
from lgi_protocol.states import State
from lgi_protocol.time_span import span
from lgi_tools.cli import terminal
from lgi_tools.cli.session import UserCalls
from lgi_tools.client.hold import Hold
from lgi_tools.client.job import Job, read_job
from lgi_tools.client.job_end import Outcome
from lgi_tools.client.selection import SHOW
from lgi_tools.commands.qstat_list import JobPager, ended, everything

HEADER = ("job", "name", "state", "application", "resource", "waited", "ran", "used", "owner", "labels")
_COLORS = {Outcome.FAILED: "red", Outcome.SUCCEEDED: "green", Outcome.UNKNOWN: "yellow"}


def show(calls: UserCalls, fields: dict[str, str], newest: int) -> None:
    """Print the jobs of a list, with a line of their states below them."""
    selects = ended(Outcome(fields["ended"])) if "ended" in fields else everything
    pages = JobPager(calls, fields | SHOW, newest, selects).pages()
    jobs = [read_job(text) for page in pages for _, text in page]
    now = int(time.time())
    rows = [cells(job, now) for job in jobs]
    widths = [max(len(row[at]) for row in (HEADER, *rows)) for at in range(len(HEADER))]
    terminal.show(_line(HEADER, widths))
    for job, row in zip(jobs, rows, strict=True):
        # Colored after printable() has escaped what a server could send.
        line = terminal.value(_line(row, widths).rstrip("\n"))
        color = _COLORS.get(job.end.outcome) if job.end.outcome else None
        click.echo(click.style(line, fg=color) if color and terminal.is_watched() else line)
    terminal.show(f"{summary(jobs)}\n{warning(jobs, now)}")


def warning(jobs: Sequence[Job], now: int) -> str:
    """Return a line about jobs that the server will delete within a day; empty if there is none."""
    soon = [job for job in jobs if job.kept_until and job.kept_until.timestamp() < now + 86400]
    return f"{len(soon)} of them are deleted within a day: LGI_get fetches results\n" if soon else ""


def cells(job: Job, now: int) -> tuple[str, ...]:
    """Return the cells of a job; ``now`` is in Unix seconds."""
    return (
        str(job.id),
        job.name if job.array_index is None else f"{job.name}[{job.array_index}]",
        state(job),
        job.application,
        comma_lists.join(job.targets),
        *times(job, now),
        used(job),
        job.owners[0] if job.owners else "",
        " ".join(f"{key}={value}" for key, value in sorted(job.labels.items())),
    )


def state(job: Job) -> str:
    """Return the state of a job with exit code, signal, reason or holds, as ``finished, exit code 4``."""
    priority = f"priority {job.priority}" if job.priority and job.state == State.QUEUED else ""
    urgent = "urgent" if job.urgent and not job.ended else ""
    late = "misses its deadline" if job.is_late else ""
    return ", ".join(filter(None, (_state(job), urgent, priority, job.shown_try, late)))


def _state(job: Job) -> str:
    if job.holds:
        return f"held by {', '.join(map(_holder, job.holds))}"
    return job.end.text if job.ended else job.state


def _holder(one: Hold) -> str:
    """Return who holds a job, with what a user says of it; the other holds speak for themselves."""
    return one.summary if one.reason == "user" else one.held_by or one.reason


def times(job: Job, now: int) -> tuple[str, str]:
    """Return how long a job has waited and run, empty for what is not known."""
    last = int(job.ended_at.timestamp()) if job.ended_at else now
    begin = int(job.submitted_at.timestamp()) if job.submitted_at else None
    start = int(job.started_at.timestamp()) if job.started_at else None
    waited = "" if begin is None else span((start or last) - begin)
    return waited, "" if start is None else span(last - start)


def used(job: Job) -> str:
    """Return processor time and peak memory of a job, as ``12s cpu, 312 MB of 2 GB``."""
    shown = job.shown_usage
    time_used = f"{shown['processor'].partition(',')[0]} cpu" if "processor" in shown else ""
    return ", ".join(filter(None, (time_used, shown.get("memory"))))


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() + "\n"


def summary(jobs: Sequence[Job]) -> str:
    """Return how many jobs there are in each state, with failed ones by themselves."""
    kinds = ["failed" if job.end.outcome is Outcome.FAILED else job.shown_state for job in jobs]
    counts = [f"{kinds.count(kind)} {kind}" for kind in sorted(set(kinds))]
    return f"{len(jobs)} jobs" + (f": {', '.join(counts)}" if counts else "")
