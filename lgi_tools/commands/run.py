"""LGI_run: run a command line on any resource that offers `command`."""

import sys
from collections.abc import Sequence

import click

from lgi_protocol import comma_lists
from lgi_protocol.errors import ServerError, TransportError
from lgi_protocol.states import State
from lgi_tools.cli import job_streams, options, program, terminal
from lgi_tools.cli.param_types import unmet_request
from lgi_tools.cli.request_options import request_options, warn_of_unmet
from lgi_tools.cli.session import open_project
from lgi_tools.client import command_line, job_end
from lgi_tools.client.job import Details
from lgi_tools.client.polling import OutageError
from lgi_tools.client.project import Project
from lgi_tools.client.timing import DEFAULT, Timing
from lgi_tools.commands.wait import line_of, warn_of_outage

NAME = "LGI_run"


@click.command(
    context_settings=options.CONTEXT | {"allow_interspersed_args": False},
    no_args_is_help=True,
)
@request_options()
@click.option(
    "--image", metavar="NAME:VERSION", help="Container image to run in (default: set by the resource)."
)
@click.option(
    "-f",
    "--file",
    "files",
    multiple=True,
    type=options.FILE,
    metavar="FILE",
    help="Also send this file; may be repeated (default: none).",
)
@click.option(
    "-o",
    "--stdout",
    "output",
    default="",
    metavar="FILE",
    help="Write standard output to this file in the job's repository; null discards it"
    " (default: joblog.txt).",
)
@click.option(
    "-e",
    "--stderr",
    "errors",
    default="",
    metavar="FILE",
    help="Write standard error to this file; it may be the file of --stdout (default: joberr.txt).",
)
@click.option(
    "-w",
    "--wait",
    is_flag=True,
    help="Wait until the job has ended, print its output and exit with its exit code.",
)
@options.project_options
@options.version
@click.argument(
    "words", nargs=-1, required=True, type=click.UNPROCESSED, metavar="[--] COMMAND [ARGUMENTS]..."
)
def command(
    *,
    cpus: int | None,
    mem: int | None,
    seconds: int | None,
    image: str | None,
    resources: tuple[str, ...],
    files: tuple[str, ...],
    targets: str,
    output: str,
    errors: str,
    wait: bool,
    words: tuple[str, ...],
    **given: object,
) -> int:
    """Run COMMAND on any resource of the project that runs commands, and print the job id.

    A program with a relative path, as ./my_script.py, is sent with the files of -f. It runs in a directory
    of its own; the files it writes there are stored in the job's repository (see LGI_filetransfer).

    Example: LGI_run --wait --mem 2G --time 1h -f data.csv ./my_script.py data.csv
    """
    try:
        line = command_line.of_words(words, files, output, errors)
        licences = command_line.licences(resources)
        requests: dict[str, str | int | None] = {
            "cpus": cpus,
            "memory": mem,
            "walltime": seconds,
            "image": image,
        }
        specifics = {name: value for name, value in requests.items() if value is not None}
        text = command_line.as_specifics(specifics, licences)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    for word in line.left_here:
        terminal.warn(NAME, f"warning: the local file {word} is not sent: use -f {word} to send it")
    if line.flaw:
        terminal.warn(NAME, f"warning: {line.flaw}")
    with open_project(given, NAME) as project:
        job = project.submit(
            command_line.APPLICATION,
            input=line.input,
            files=line.files,
            targets=comma_lists.split(targets) or (comma_lists.ANY,),
            specifics=text,
        )
        if wait:
            print(f"{NAME}: job {job.id}", file=sys.stderr, flush=True)
        else:
            with terminal.naming(NAME, job.id):
                terminal.show(f"{job.id}\n")
        if specifics:
            _warn_of_unmet(project, targets, command_line.as_specifics(specifics, {}))
        return until_end(project, job) if wait else 0


def _warn_of_unmet(project: Project, targets: str, specifics: str) -> None:
    """Warn when no resource can run the job."""
    try:
        resources = project.resources()
    except (ServerError, TransportError):
        return
    warn_of_unmet(NAME, unmet_request(resources, command_line.APPLICATION, targets, specifics))


def until_end(project: Project, job: Details) -> int:
    """Wait until a job has ended, print its output and return its exit code."""
    try:
        ended = project.wait(job)
    except KeyboardInterrupt:
        terminal.warn(
            NAME,
            f"job {job.id} continues; wait for it with LGI_wait {job.id}, or abort it with LGI_qdel {job.id}",
        )
        return job_end.INTERRUPTED
    except OutageError as error:
        return warn_of_outage(NAME, project, job.id, error)
    code = ended.end.code
    for fault in job_streams.show(project, ended):
        terminal.warn(NAME, fault)
        code = code or job_end.FAILED
    # An exit code alone is not printed, as for a program that runs locally.
    if ended.exit_code is None or ended.end_reason or ended.state != State.FINISHED:
        terminal.warn(NAME, f"job {line_of(ended)}")
    return code


def main(arguments: Sequence[str] | None = None, timing: Timing = DEFAULT) -> int:
    """Run LGI_run and return its exit code, with --wait the exit code of the job."""
    return program.run(command, NAME, arguments, timing)
