"""LGI_wait: wait until jobs have ended."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import click

from lgi_protocol.errors import ErrorNumber, ServerError
from lgi_tools.cli import hold_warning, options, outage, output_json, program, selection_options, terminal
from lgi_tools.cli.numeric_options import Seconds
from lgi_tools.cli.session import open_project, selected, warn_of_first
from lgi_tools.client.text import one_line
from lgi_tools.client.timing import DEFAULT, Timing

if TYPE_CHECKING:
    # Slow to load: functions that need them import them.
    from lgi_tools.client.job import Job
    from lgi_tools.client.polling import OutageError
    from lgi_tools.client.project import Project

NAME = "LGI_wait"


@click.command(context_settings=options.CONTEXT, no_args_is_help=True)
@click.option(
    "--timeout",
    type=Seconds(),
    metavar="SECONDS",
    help="Stop waiting after SECONDS, with exit code 124 (default: never).",
)
@click.option("-q", "--quiet", is_flag=True, help="Print nothing on standard output.")
@output_json.option
@options.project_options
@selection_options.selection_options
@options.version
@output_json.json_errors
def command(timeout: float | None, quiet: bool, as_json: bool, **given: object) -> int:
    """Wait until the jobs have ended and print how each ended.

    JOB_ID is a number, a range as 12-40, or - for the numbers on standard input; options select jobs too.
    Jobs are printed in the order in which they end, with --json each on a line. A terminal shows how many
    have ended, and the time that is left as far as it is known.

    The exit code is that of the first JOB_ID that did not succeed: the job's own exit code; 128+N after
    signal N; 1 for an aborted or removed job; 3 for a finished job with unknown exit code. It is 75 when the
    server has not answered for ten minutes or does not accept you, while the job continues.

    Example: LGI_wait --timeout 3600 7 8
    """
    from lgi_tools.client import job_end
    from lgi_tools.client.polling import OutageError

    words = selection_options.split(given)
    end = None if timeout is None else time.monotonic() + timeout
    codes: dict[int, int] = {}
    wanted: tuple[int, ...] = ()
    with open_project(given, NAME) as project, outage.unknown_without_answer():
        try:
            wanted = selected(project, words, call=partial(outage.persist, NAME, project, timeout=timeout))
            warn = partial(warn_of_first, NAME, words, project)
            for job_id, code in _shown_ends(project, wanted, _left(end), warn, as_json=as_json, quiet=quiet):
                codes[job_id] = code
        except TimeoutError:
            pending = _pending(wanted, codes)
            more = f", nor have {len(pending) - 1} others" if len(pending) > 1 else ""
            terminal.warn(NAME, f"{_first(pending)} has not ended after {timeout:g} s{more}")
            return job_end.TIMED_OUT
        except OutageError as error:
            return warn_of_outage(NAME, project, _first(_pending(wanted, codes)), error)
        except KeyboardInterrupt:
            return job_end.INTERRUPTED
    return next((codes[job_id] for job_id in wanted if codes[job_id]), 0)


def _left(end: float | None) -> float | None:
    """Return the seconds until a time, None for no time."""
    return None if end is None else max(0.0, end - time.monotonic())


def _pending(wanted: Sequence[int], codes: Mapping[int, int]) -> list[int]:
    return [job_id for job_id in wanted if job_id not in codes]


def _first(pending: Sequence[int]) -> str:
    """Return the first of the jobs as text; the server may not have said which ones they are."""
    return f"job {pending[0]}" if pending else "a selected job"


def _shown_ends(
    project: "Project",
    wanted: Sequence[int],
    timeout: float | None,
    warn: "Callable[[Job], None]",
    *,
    as_json: bool,
    quiet: bool,
) -> Iterator[tuple[int, int]]:
    """Print how each job ended, and yield its number and exit code; ``warn`` gets each job.

    Raises TimeoutError, OutageError.
    """
    from lgi_tools.cli import output_jobs
    from lgi_tools.cli.wait_bar import WaitBar

    bar, codes = WaitBar(project, wanted), dict[int, int]()
    try:
        for found in _ends(project, wanted, timeout):
            bar.clear()
            for job in found:
                number, codes[number], line = _ended(job)
                if not isinstance(job, int):
                    warn(job)
                if as_json:
                    gone = {"job_id": number, "error": line}
                    output_json.show(gone if isinstance(job, int) else output_jobs.of_job(job))
                elif not quiet:
                    terminal.show(f"{one_line(line)}\n")
                yield number, codes[number]
            bar.show(len(codes), sum(map(bool, codes.values())))
    finally:
        bar.clear()


def _ends(
    project: "Project", wanted: "Sequence[int]", timeout: float | None
) -> "Iterator[Sequence[Job | int]]":
    """Yield the jobs that have ended, in the order in which they do; a removed one as its number.

    Raises TimeoutError, OutageError.
    """
    from lgi_tools.client.job_ends import JobEnds
    from lgi_tools.client.selection import UnknownFilterError

    end = None if timeout is None else time.monotonic() + timeout
    warning, warn_of_hold = outage.warning(NAME, project), hold_warning.warning(NAME, frozenset(wanted))
    if len(wanted) > 1:
        try:
            yield from JobEnds(project, wanted).follow(timeout, warning, warn_of_hold)
            return
        except UnknownFilterError:
            # An older server: one job after the other.
            pass
    for job_id in wanted:
        try:
            yield [project.wait(job_id, _left(end), on_outage=warning, on_held=warn_of_hold)]
        except ServerError as error:
            if error.number != ErrorNumber.NO_JOB:
                raise
            yield [job_id]


def _ended(job: "Job | int") -> tuple[int, int, str]:
    """Return the number of a job that has ended, or was removed, its exit code, and a line about it."""
    from lgi_tools.client import job_end
    from lgi_tools.client.job_end import Outcome

    if isinstance(job, int):
        return job, job_end.FAILED, f"{job} does not exist"
    if job.end.outcome is Outcome.UNKNOWN:
        terminal.warn(NAME, f"the exit code of job {job.id} is unknown")
    return job.id, job.end.code, line_of(job)


def line_of(job: "Job") -> str:
    """Return how a job ended, as ``7 finished, exit code 3``."""
    return f"{job.id} {job.end.text}"


def warn_of_outage(program: str, project: "Project", what: str, error: "OutageError") -> int:
    """Warn that the server does not answer while ``what``, as ``job 7``, continues. Returns the exit code."""
    from lgi_tools.client import job_end

    terminal.warn(
        program,
        f"{what} continues, but {project.server} has not answered for"
        f" {project.timing.outage_seconds / 60:g} minutes: {error.reason}",
    )
    return job_end.OUTAGE


def main(arguments: Sequence[str] | None = None, timing: Timing = DEFAULT) -> int:
    """Run LGI_wait and return its exit code: 0 only when every job has succeeded."""
    return program.run(command, NAME, arguments, timing)
