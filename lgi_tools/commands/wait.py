"""LGI_wait: wait until jobs have ended."""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from lgi_protocol.errors import ErrorNumber, ServerError
from lgi_tools.cli import options, output_jobs, output_json, program, selection_options, terminal
from lgi_tools.cli.numeric_options import Seconds
from lgi_tools.cli.session import open_project, selected
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
    With --json each job is a line.

    The exit code is that of the first job that did not succeed: the job's own exit code; 128+N after signal
    N; 1 for an aborted or removed job; 3 for a finished job with unknown exit code. It is 75 when the server
    has not answered for ten minutes, while the job continues.

    Example: LGI_wait --timeout 3600 7 8
    """
    from lgi_tools.client import job_end
    from lgi_tools.client.polling import OutageError

    words = selection_options.split(given)
    code = 0
    with open_project(given, NAME) as project:
        wanted = selected(project, words)
        end = None if timeout is None else time.monotonic() + timeout
        for job_id in wanted:
            try:
                left = None if end is None else max(0.0, end - time.monotonic())
                found, line, job = ended(project, job_id, left)
            except TimeoutError:
                terminal.warn(NAME, f"job {job_id} has not ended after {timeout:g} s")
                return job_end.TIMED_OUT
            except OutageError as error:
                return warn_of_outage(NAME, project, job_id, error)
            except KeyboardInterrupt:
                return job_end.INTERRUPTED
            code = code or found
            if as_json:
                output_json.show(output_jobs.of_job(job) if job else {"job_id": job_id, "error": line})
            elif not quiet:
                terminal.show(f"{one_line(line)}\n")
    return code


def ended(project: "Project", job_id: int, timeout: float | None) -> "tuple[int, str, Job | None]":
    """Wait until a job has ended. Returns its exit code, a line, and the job unless it was removed.

    Raises TimeoutError, OutageError.
    """
    from lgi_tools.client import job_end
    from lgi_tools.client.job_end import Outcome

    try:
        job = project.wait(job_id, timeout)
    except ServerError as error:
        if error.number != ErrorNumber.NO_JOB:
            raise
        return job_end.FAILED, f"{job_id} does not exist", None
    if job.end.outcome is Outcome.UNKNOWN:
        terminal.warn(NAME, f"the exit code of job {job_id} is unknown")
    return job.end.code, line_of(job), job


def line_of(job: "Job") -> str:
    """Return how a job ended, as ``7 finished, exit code 3``."""
    return f"{job.id} {job.end.text}"


def warn_of_outage(program: str, project: "Project", job_id: int, error: "OutageError") -> int:
    """Warn that the server does not answer while the job continues. Returns the exit code."""
    from lgi_tools.client import job_end

    terminal.warn(
        program,
        f"job {job_id} continues, but {project.server} has not answered for"
        f" {project.timing.outage_seconds / 60:g} minutes: {error.reason}",
    )
    return job_end.OUTAGE


def main(arguments: Sequence[str] | None = None, timing: Timing = DEFAULT) -> int:
    """Run LGI_wait and return its exit code: 0 only when every job has succeeded."""
    return program.run(command, NAME, arguments, timing)
