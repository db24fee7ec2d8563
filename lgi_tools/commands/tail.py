"""LGI_tail: print the output of jobs, also while they run."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

import click

from lgi_protocol.states import State
from lgi_tools.cli import options, outage, output_json, program, selection_options
from lgi_tools.cli.numeric_options import MOST
from lgi_tools.cli.session import job_ids, open_project, warn_of_first
from lgi_tools.client.timing import DEFAULT, Timing

if TYPE_CHECKING:
    # Slow to load: functions that need them import them.
    from lgi_tools.client.job import Job
    from lgi_tools.client.project import Project

NAME = "LGI_tail"


@click.command(context_settings=options.CONTEXT, no_args_is_help=True)
@click.option("-f", "--follow", is_flag=True, help="Print new output until the job has ended.")
@click.option(
    "-n",
    "--lines",
    type=click.IntRange(0, MOST),
    default=10,
    show_default=True,
    metavar="N",
    help="Start with the last N lines.",
)
@click.option(
    "--each",
    is_flag=True,
    help="Print the output of all selected jobs, each line behind the number of its job.",
)
@output_json.option
@options.project_options
@selection_options.selection_options
@options.version
@output_json.json_errors
def command(follow: bool, lines: int, each: bool, as_json: bool, **given: object) -> int:
    """Print the last lines of the output of a job, also while it runs.

    JOB_ID is a number, a range as 12-40, or - for the numbers on standard input; options select jobs too. Of
    several jobs the output of the one that was started last is printed, with --each that of all. With -f
    new output follows as it is reported.

    Example: LGI_tail -f 7
    """
    from lgi_tools.client import job_end
    from lgi_tools.client.polling import OutageError
    from lgi_tools.commands import tail_output
    from lgi_tools.commands.wait import warn_of_outage

    if as_json and follow:
        raise click.UsageError("--json cannot be combined with -f")
    words = selection_options.split(given)
    chosen: Sequence[int] = ()
    with open_project(given, NAME) as project:
        try:
            with outage.unknown_without_answer() if follow else nullcontext():
                repeated = partial(outage.persist, NAME, project) if follow else _once
                chosen = _chosen(project, words, repeated, each=each)
            if as_json:
                found = [_as_json(project, job_id, lines) for job_id in chosen]
                output_json.show({"jobs": found} if each else found[0])
                return 0
            if each:
                return _show_each(project, chosen, lines, follow=follow)
            (job_id,) = chosen
            return (tail_output.follow if follow else tail_output.show)(
                project, job_id, lines, partial(warn_of_first, NAME, words, project)
            )
        except KeyboardInterrupt:
            return job_end.INTERRUPTED
        except OutageError as error:
            return warn_of_outage(NAME, project, f"job {chosen[0]}" if chosen else "a job", error)


def _once(call: "Callable[[], list[Job]]") -> "list[Job]":
    return call()


def _chosen(
    project: "Project",
    words: options.Options,
    repeated: "Callable[[Callable[[], list[Job]]], list[Job]]",
    *,
    each: bool,
) -> Sequence[int]:
    """Return the numbers of the jobs to print: one, or with ``each`` all that are selected.

    ``repeated`` makes the calls for them, and may repeat them.
    """
    is_plain = bool(words["words"]) and selection_options.is_plain(words)
    numbers = job_ids(words["words"]) if is_plain else ()
    if numbers and (each or len(numbers) == 1):
        return numbers
    wanted = selection_options.selection(words, project.user)
    listed = repeated(lambda: list(project.select(wanted)))
    found = selection_options.only_own(words, project.user, listed)
    return [job.id for job in found] if each else [max(found, key=_start).id]


def _start(job: "Job") -> tuple[datetime, int]:
    """Return when a job was started; one that was not, or of an older server, comes before all others."""
    return job.started_at or datetime.fromtimestamp(0, UTC), job.id


def _show_each(project: "Project", chosen: Sequence[int], lines: int, *, follow: bool) -> int:
    from lgi_tools.commands import tail_many

    if len(chosen) > tail_many.MOST:
        many = f"{len(chosen)} jobs are selected, the output of at most {tail_many.MOST} can be printed"
        raise click.ClickException(f"{many}: select fewer, as with --state running")
    return tail_many.show(project, [project.job(one) for one in chosen], lines, follow=follow)


def _as_json(project: "Project", job_id: int, lines: int) -> output_json.Values:
    """Return a job with the last lines of its output as far as the server has it."""
    from lgi_tools.cli.job_output import last_lines
    from lgi_tools.cli.output_jobs import of_job

    job = project.job(job_id)
    is_live = not job.ended and job.state != State.QUEUED
    data = project.tail(job).data if is_live else job.output
    return of_job(job) | {"output": last_lines(data, lines).decode("utf-8", "replace")}


def main(arguments: Sequence[str] | None = None, timing: Timing = DEFAULT) -> int:
    """Run LGI_tail and return its exit code: 0 when the output could be shown."""
    return program.run(command, NAME, arguments, timing)
