"""LGI_wait: wait until jobs have ended."""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from lgi_protocol.errors import ErrorNumber, ServerError
from lgi_tools.cli import options, program, terminal
from lgi_tools.cli.numeric_options import Seconds
from lgi_tools.cli.session import job_ids, open_project
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
@options.project_options
@options.version
@click.argument("words", nargs=-1, required=True, metavar="JOB_ID...")
def command(timeout: float | None, quiet: bool, words: tuple[str, ...], **given: object) -> int:
    """Wait until the jobs have ended and print how each ended.

    The exit code is that of the first job that did not succeed: the job's own exit code; 128+N after signal
    N; 1 for an aborted or removed job; 3 for a finished job with unknown exit code. It is 75 when the server
    has not answered for ten minutes, while the job continues.

    Example: LGI_wait --timeout 3600 7 8
    """
    from lgi_tools.client import job_end
    from lgi_tools.client.polling import OutageError

    wanted = job_ids(words)
    code = 0
    with open_project(given, NAME) as project:
        end = None if timeout is None else time.monotonic() + timeout
        for job_id in wanted:
            try:
                found, line = ended(
                    project, job_id, None if end is None else max(0.0, end - time.monotonic())
                )
            except TimeoutError:
                terminal.warn(NAME, f"job {job_id} has not ended after {timeout:g} s")
                return job_end.TIMED_OUT
            except OutageError as error:
                return warn_of_outage(NAME, project, job_id, error)
            except KeyboardInterrupt:
                return job_end.INTERRUPTED
            code = code or found
            if not quiet:
                terminal.show(f"{one_line(line)}\n")
    return code


def ended(project: "Project", job_id: int, timeout: float | None) -> tuple[int, str]:
    """Wait until a job has ended. Returns its exit code and a line. Raises TimeoutError, OutageError."""
    from lgi_tools.client import job_end
    from lgi_tools.client.job_end import Outcome

    try:
        job = project.wait(job_id, timeout)
    except ServerError as error:
        if error.number != ErrorNumber.NO_JOB:
            raise
        return job_end.FAILED, f"{job_id} does not exist"
    if job.end.outcome is Outcome.UNKNOWN:
        terminal.warn(NAME, f"the exit code of job {job_id} is unknown")
    return job.end.code, line_of(job)


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
