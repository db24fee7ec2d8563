"""LGI_run: run a command line on any resource that offers `command`."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lgi_protocol import comma_lists
from lgi_protocol.errors import ServerError, TransportError
from lgi_tools.cli import label_options, options, output_json, program, terminal
from lgi_tools.cli.param_types import unmet_request
from lgi_tools.cli.request_options import warn_of_unmet
from lgi_tools.cli.session import open_project
from lgi_tools.client import command_line
from lgi_tools.client.timing import DEFAULT, Timing
from lgi_tools.commands import run_array, run_follow, run_options
from lgi_tools.commands.run_options import Plan

if TYPE_CHECKING:
    # Slow to load: functions that need them import them.
    from lgi_tools.client.job import Details
    from lgi_tools.client.project import Project
    from lgi_tools.client.result_directory import ResultDirectory

NAME = "LGI_run"
# Elements of an array for which the server is asked first whether it would take so many.
_LARGE = 100


@click.command(
    context_settings=options.CONTEXT | {"allow_interspersed_args": False},
    no_args_is_help=True,
)
@run_options.job_options
@click.option(
    "-w",
    "--wait",
    is_flag=True,
    help="Wait until the job has ended, print its output and exit with its exit code.",
)
@click.option(
    "-d",
    "--directory",
    type=options.DIRECTORY,
    metavar="DIR",
    help="Bring the results into this directory, with --wait at once, else by LGI_get without -d"
    " (default: they stay on the server).",
)
@click.option(
    "--batch",
    type=options.FILE,
    metavar="FILE",
    help="Submit one job for each line of this file, - for standard input, and print the job ids"
    " (default: one job).",
)
@click.option(
    "--batch-id",
    default="",
    metavar="ID",
    help="Submit no line or element again that a command with this ID has submitted in the last day"
    " (default: random).",
)
@run_array.array_options
@run_follow.follow_options
@output_json.option
@options.project_options
@options.version
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="[--] COMMAND [ARGUMENTS]...")
@output_json.json_errors
def command(
    *,
    wait: bool,
    directory: str | None,
    batch: str | None,
    batch_id: str,
    at_most: int | None,
    as_json: bool,
    words: tuple[str, ...],
    **given: Any,
) -> int:
    """Run COMMAND on any resource of the project that runs commands, and print the job id.

    A program with a relative path, as ./my_script.py, is sent with the files of -f. It runs in a directory
    of its own; the files it writes there are stored in the job's repository (see LGI_get, and -d).

    Each line of --batch is a COMMAND with its arguments, in quotes where they contain blanks; options of
    the job may precede it. If a line is wrong, nothing is submitted.

    An array is one COMMAND for many numbers, lines or files: {} in its words is the number, the line or the
    name of the file, {.} the same without extension, {#} the index. Several of these options are combined,
    and {1}, {2} are their values. Elements have LGI_ARRAY_INDEX and LGI_ARRAY_SIZE in their environment.

    Example: LGI_run --wait --mem 2G --time 1h -f data.csv ./my_script.py data.csv
    """
    is_array = run_array.is_asked()
    _check_choice(wait, batch, batch_id, words, is_array)
    if directory is not None and given["here"]:
        raise click.UsageError("-d cannot be combined with --here: the results are in this directory anyway")
    if directory is not None and (is_array or batch is not None):
        raise click.UsageError(
            "-d is for one job: LGI_get -d DIR brings the results of many, each to a folder of its own"
        )
    if at_most and not is_array:
        raise click.UsageError("--at-most is for --array, --each-line and --each")
    if as_json and (wait or batch is not None):
        raise click.UsageError("--json cannot be combined with --wait and --batch: LGI_wait has it too")
    follows = {name: given.pop(name) for name in run_follow.NAMES}
    if any(follows.values()) and not is_array:
        raise click.UsageError("--after-each is for arrays: a job follows others with --after")
    job = run_options.split(given)
    if batch is not None:
        return _submit_batch(batch, batch_id, job, given)
    if is_array:
        return _submit_array(words, job, given, follows, (at_most or 0, batch_id), as_json=as_json)
    try:
        plan = run_options.plan(words, job, takes_store=True)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    for warning in plan.warnings:
        terminal.warn(NAME, f"warning: {warning}")
    with open_project(given, NAME) as project:
        return _submit(project, plan, wait, as_json, directory)


def _check_choice(
    wait: bool, batch: str | None, batch_id: str, words: tuple[str, ...], is_array: bool
) -> None:
    """Raise UsageError for options that cannot be combined."""
    if is_array and (wait or batch is not None):
        raise click.UsageError(
            "an array cannot be combined with --wait and --batch: wait for it with LGI_wait --array"
        )
    if batch is None:
        if not words:
            raise click.UsageError("Missing argument '[--] COMMAND [ARGUMENTS]...'.")
        if batch_id and not is_array:
            raise click.UsageError("--batch-id is for --batch and arrays")
    elif words:
        raise click.UsageError("--batch takes the commands from its file: leave out COMMAND")
    elif wait:
        raise click.UsageError("--wait cannot be combined with --batch: LGI_wait waits for many jobs")


def _submit_batch(file: str, batch_id: str, job: options.Options, given: options.Options) -> int:
    from lgi_tools.client import idempotent_submit
    from lgi_tools.commands import run_batch
    from lgi_tools.commands.run_batch import BatchError

    batch_id = batch_id or idempotent_submit.new_id()
    try:
        lines = run_batch.read(file, job, batch_id)
    except BatchError as error:
        for fault in error.faults:
            terminal.warn(NAME, fault)
        raise
    run_batch.warn(lines, NAME)
    with open_project(given, NAME) as project:
        code = run_batch.submit(project, lines, batch_id, NAME)
        _warn(project, [line.plan for line in lines])
        return code


def _submit_array(
    words: Sequence[str],
    job: options.Options,
    given: options.Options,
    follows: Mapping[str, Sequence[int]],
    limits: tuple[int, str],
    *,
    as_json: bool,
) -> int:
    """Submit an array; ``limits`` are how many elements run at once, and the batch id."""
    from lgi_tools.client import idempotent_submit

    dimensions, size = run_array.dimensions()
    with open_project(given, NAME) as project:
        if size > _LARGE or job["urgent"]:
            # Before the work on each element, which takes as long as the submit itself.
            project.check_array(command_line.APPLICATION, size, urgent=job["urgent"])
        own = run_array.plans(words, job, dimensions)
        found = run_follow.followers(project, own, follows)
        run_array.warn(words, found, NAME)
        at_most, batch_id = limits[0], limits[1] or idempotent_submit.new_id()
        code = run_array.submit(project, found, NAME, at_most=at_most, batch_id=batch_id, as_json=as_json)
        _warn(project, list(own.values()))
        return code


def _submit(project: "Project", plan: Plan, wait: bool, as_json: bool, directory: str | None) -> int:
    """Submit one job. Returns the exit code: with ``wait`` that of the job."""
    from lgi_tools.cli import output_jobs

    request = plan.request
    job = plan.submit(project)
    if not label_options.are_kept(request.fields(), job.name):
        terminal.warn(NAME, label_options.NOT_KEPT)
    if wait:
        print(f"{NAME}: job {job.id}", file=sys.stderr, flush=True)
        if request.fields().get("hold"):
            terminal.warn(NAME, f"job {job.id} is held; LGI_release {job.id} releases it")
    else:
        with terminal.naming(NAME, job.id):
            output_json.show(output_jobs.of_job(job)) if as_json else terminal.show(f"{job.id}\n")
    own = _promise(job, directory, request.paths()) if directory is not None else None
    _warn(project, [plan])
    return _until_end(project, job, own) if wait else 0


def _promise(job: "Details", directory: str, files: tuple[Path, ...]) -> "ResultDirectory":
    from lgi_tools.commands import run_results

    return run_results.promise(NAME, job, directory, files)


def _until_end(project: "Project", job: "Details", own: "ResultDirectory | None") -> int:
    from lgi_tools.commands import run_results

    return run_results.until_end(NAME, project, job, own)


def _warn(project: "Project", plans: Sequence[Plan]) -> None:
    """Warn of jobs that no resource can run, and of followed numbers that mean one element of an array."""
    _warn_of_unmet(project, plans)
    lists = {(*plan.request.plan.after, *plan.request.plan.after_any) for plan in plans}
    if numbers := {one for some in lists for one in some if isinstance(one, int)}:
        from lgi_tools.cli import first_elements

        first_elements.warn(NAME, project, sorted(numbers))


def _warn_of_unmet(project: "Project", plans: Sequence[Plan]) -> None:
    """Warn, once for each reason, when no resource can run a job."""
    wishes = {(comma_lists.join(plan.request.targets), plan.requests) for plan in plans if plan.requests}
    if not wishes:
        return
    try:
        resources = project.resources()
    except (ServerError, TransportError):
        return
    reasons = {unmet_request(resources, command_line.APPLICATION, *wish) for wish in sorted(wishes)}
    for reason in sorted(reasons):
        warn_of_unmet(NAME, reason)


def main(arguments: Sequence[str] | None = None, timing: Timing = DEFAULT) -> int:
    """Run LGI_run and return its exit code, with --wait the exit code of the job."""
    return program.run(command, NAME, arguments, timing)
