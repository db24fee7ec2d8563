"""LGI_wait: wait until jobs have ended."""

import time
from collections.abc import Sequence

import click

from lgi_protocol.errors import ErrorNumber, ServerError
from lgi_tools import options, program, terminal
from lgi_tools.job_values import Result
from lgi_tools.opening import job_ids, opened
from lgi_tools.project import Project

NAME = "LGI_wait"
# As timeout(1) and the shell say it.
TOO_LONG, INTERRUPTED = 124, 130


@click.command(context_settings=options.CONTEXT, no_args_is_help=True)
@click.option(
    "--timeout", type=click.FloatRange(0), metavar="SECONDS", help="Give up after so long: exit code 124."
)
@click.option("-q", "--quiet", is_flag=True, help="Print nothing.")
@options.project_options
@options.version
@click.argument("words", nargs=-1, required=True, metavar="JOB_ID...")
def command(timeout: float | None, quiet: bool, words: tuple[str, ...], **given: object) -> int:
    """Wait until all these jobs have ended, print how, and exit as the first one that did not end well.

    A job whose application tells no exit code has ended well when it is finished.
    """
    wanted = job_ids(words)
    code = 0
    with opened(given, NAME) as project:
        end = None if timeout is None else time.monotonic() + timeout
        for job_id in wanted:
            try:
                found, line = ended(
                    project, job_id, None if end is None else max(0.0, end - time.monotonic())
                )
            except TimeoutError:
                terminal.warn(NAME, f"job {job_id} has not ended after {timeout:g} s")
                return TOO_LONG
            except KeyboardInterrupt:
                return INTERRUPTED
            code = code or found
            if not quiet:
                terminal.show(f"{terminal.value(line)}\n")
    return code


def ended(project: Project, job_id: int, timeout: float | None) -> tuple[int, str]:
    """The exit code of a job when it has ended, and a line about it. TimeoutError."""
    try:
        result = project.result(job_id, timeout)
    except ServerError as error:
        if error.number != ErrorNumber.NO_JOB:
            raise
        return 1, f"{job_id} is not there"
    return code_of(result), line_of(result)


def code_of(result: Result) -> int:
    """That of the job; where there is none 0 when it has ended well, and else 1."""
    if result.exit_code is None:
        return 0 if result.ok else 1
    return result.exit_code


def line_of(result: Result) -> str:
    """How a job ended, for people."""
    line = f"{result.job.id} {result.job.state}"
    if result.exit_code is not None:
        line += f", exit code {result.exit_code}"
    return f"{line}: {result.reason}" if result.reason else line


def main(arguments: Sequence[str] | None = None) -> int:
    """The command LGI_wait; its exit code is 0 only when every job has ended well."""
    return program.run(command, NAME, arguments)
