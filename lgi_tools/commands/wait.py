"""LGI_wait: wait until jobs have ended."""

import time
from collections.abc import Sequence

import click

from lgi_protocol.errors import ErrorNumber, ServerError
from lgi_tools.cli import options, program, terminal
from lgi_tools.cli.session import job_ids, open_project
from lgi_tools.client import job_end
from lgi_tools.client.job_end import Outcome
from lgi_tools.client.models import Job
from lgi_tools.client.polling import OutageError
from lgi_tools.client.project import Project

NAME = "LGI_wait"


@click.command(context_settings=options.CONTEXT, no_args_is_help=True)
@click.option(
    "--timeout", type=click.FloatRange(0), metavar="SECONDS", help="Give up after so long: exit code 124."
)
@click.option("-q", "--quiet", is_flag=True, help="Print nothing on standard output.")
@options.project_options
@options.version
@click.argument("words", nargs=-1, required=True, metavar="JOB_ID...")
def command(timeout: float | None, quiet: bool, words: tuple[str, ...], **given: object) -> int:
    """Wait until all these jobs have ended, print how, and exit as the first one that did not succeed.

    The exit code is that of the job; 128 and N when signal N ended it; 1 for a job that is aborted or was
    removed; 3 for a finished one whose exit code nobody knows; 75 when the server has been away for ten
    minutes, while the job goes on.
    """
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
                terminal.show(f"{terminal.value(line)}\n")
    return code


def ended(project: Project, job_id: int, timeout: float | None) -> tuple[int, str]:
    """The exit code of a job when it has ended, and a line about it. TimeoutError, OutageError."""
    try:
        job = project.wait(job_id, timeout)
    except ServerError as error:
        if error.number != ErrorNumber.NO_JOB:
            raise
        return job_end.FAILED, f"{job_id} is not there"
    if job.end.outcome is Outcome.UNKNOWN:
        terminal.warn(NAME, f"the exit code of job {job_id} is unknown")
    return job.end.code, line_of(job)


def line_of(job: Job) -> str:
    """How a job ended, for people."""
    return f"{job.id} {job.end.text}"


def warn_of_outage(program: str, project: Project, job_id: int, error: OutageError) -> int:
    """Say that a job goes on while its server is away; the exit code."""
    terminal.warn(
        program, f"job {job_id} goes on; {project.server} has not answered for long: {error.reason}"
    )
    return job_end.GOES_ON


def main(arguments: Sequence[str] | None = None) -> int:
    """The command LGI_wait; its exit code is 0 only when every job has succeeded."""
    return program.run(command, NAME, arguments)
