"""LGI_clean: remove jobs that have ended."""

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click

from lgi_protocol.errors import ErrorNumber, ServerError
from lgi_protocol.states import State
from lgi_tools.cli import options, output_jobs, output_json, program, selection_options, terminal
from lgi_tools.cli.param_types import TextParamType
from lgi_tools.cli.session import open_project
from lgi_tools.client import command_line
from lgi_tools.client.text import one_line

if TYPE_CHECKING:
    # Slow to load: functions that need them import them.
    from lgi_tools.client.job import Job
    from lgi_tools.client.project import Project

NAME = "LGI_clean"
# Job ids that a message lists.
_SHOWN = 20
# Threads that look at jobs.
_HANDS = 4
ENDS = (State.FINISHED, State.ABORTED)


@click.command(context_settings=options.CONTEXT)
@click.option("-y", "--yes", is_flag=True, help="Do not ask for confirmation.")
@click.option(
    "-n", "--dry-run", is_flag=True, help="List the jobs that would be removed, and remove nothing."
)
@click.option(
    "--older-than",
    type=TextParamType("time", command_line.seconds),
    metavar="TIME",
    help="Only jobs that ended at least TIME ago: seconds, or as 90m, 12h or 30d (default: 0).",
)
@click.option(
    "--keep-failed", is_flag=True, help="Keep finished jobs whose exit code is not 0 or is unknown."
)
@click.option(
    "--with-results",
    "--unfetched",
    "with_results",
    is_flag=True,
    help="Also remove jobs with files that nobody has fetched, and those of folders of LGI_task.",
)
@click.option(
    "--with-failed", is_flag=True, help="Also remove failed jobs, which only --failed and JOB_ID select else."
)
@output_json.option
@options.project_options
@selection_options.selection_options
@options.version
@output_json.json_errors
def command(
    *,
    yes: bool,
    dry_run: bool,
    older_than: int | None,
    keep_failed: bool,
    with_results: bool,
    with_failed: bool,
    as_json: bool,
    **given: object,
) -> int:
    """Remove your own finished and aborted jobs, or those of them that are selected.

    JOB_ID is a number, a range as 12-40, or - for the numbers on standard input; options select jobs too.

    Jobs that have files on the server which nobody has fetched with LGI_get, or that belong to a folder of
    LGI_task, are kept and listed: fetch their results first, or give --unfetched. So are jobs that failed,
    unless you name them, or give --failed or --with-failed.

    Example: LGI_clean --older-than 30d --keep-failed
    """
    # The server gives each change a second of its own, so that the last one may lie in the future.
    before = (
        datetime.now(UTC) - timedelta(seconds=older_than) if older_than else datetime.max.replace(tzinfo=UTC)
    )
    words = selection_options.split(given)
    with open_project(given, NAME) as project:
        asked = selection_options.selection(words, project.user, default_all=True)
        parts = [asked] if asked.state else [replace(asked, state=state) for state in ENDS]
        jobs = [job for part in parts for job in project.select(part)]
        found = removable(jobs, project.user, before)
        if keep_failed:
            found = [job for job in found if not has_failed(project, job)]
        elif not (with_failed or words["failed"] or words["words"]):
            found = without_failures(found)
        if not with_results:
            found = without_losses(project, found)
        if dry_run:
            if as_json:
                output_json.show({"jobs": [output_jobs.of_job(job) for job in found], "removed": 0})
            else:
                terminal.show("".join(one_line(line) + "\n" for line in map(line_of, found)))
            return 0
        if not found:
            terminal.warn(NAME, "no jobs to remove")
            return 0
        if not yes and not is_wanted(found):
            return 1
        return remove(project, found, as_json)


def removable(jobs: "Iterable[Job]", user: str, before: datetime) -> "list[Job]":
    """Return the jobs that ``user`` owns and that ended at ``before`` or earlier."""
    return [job for job in jobs if job.ended and user in job.owners and job.changed <= before]


def has_failed(project: "Project", job: "Job") -> bool:
    """Return whether a job is finished and not known to have succeeded. A removed job has not failed."""
    from lgi_tools.client.job_end import Outcome

    if job.state != State.FINISHED:
        return False
    # Lists of older servers do not have the outcome.
    if job.end.outcome is not Outcome.UNKNOWN:
        return job.end.outcome is Outcome.FAILED
    try:
        return not project.result(job).ok
    except ServerError as error:
        if error.number != ErrorNumber.NO_JOB:
            raise
        return False


def without_failures(found: "Sequence[Job]") -> "list[Job]":
    """Return the jobs that are not known to have failed by themselves, and warn of the others."""
    from lgi_tools.client.job_end import Outcome

    failed = [job for job in found if job.state == State.FINISHED and job.end.outcome is Outcome.FAILED]
    if failed:
        _warn("failed", [job.id for job in failed], "--with-failed")
    return [job for job in found if job not in failed]


def _warn(reason: str, numbers: Sequence[int], option: str) -> None:
    """Warn of jobs that are kept for a reason."""
    shown = ", ".join(map(str, numbers[:_SHOWN])) + (", ..." if len(numbers) > _SHOWN else "")
    text = f"{len(numbers)} jobs are kept because each {reason}: {shown}"
    if len(numbers) == 1:
        text = f"job {shown} is kept because it {reason}"
    terminal.warn(NAME, f"{text} ({option} removes such jobs too)")


def without_losses(project: "Project", found: "Sequence[Job]") -> "list[Job]":
    """Return the jobs without results on the server, and warn of the others, which are kept."""
    reasons = _losses(project, [job for job in found if _may_be_lost(project, job)])
    kept: dict[str, list[int]] = {}
    for job in found:
        if reason := reasons.get(job.id):
            kept.setdefault(reason, []).append(job.id)
    for reason, numbers in sorted(kept.items()):
        _warn(reason, numbers, "--with-results")
    return [job for job in found if not reasons.get(job.id)]


def _may_be_lost(project: "Project", job: "Job") -> bool:
    """Return whether a job has a repository of which nobody has all that is in it, as a list says."""
    from lgi_tools.task import stored_results

    return bool(job.repository_url) and (not _is_fetched(project, job) or stored_results.is_of_folder(job))


def _losses(project: "Project", jobs: "Sequence[Job]") -> dict[int, str]:
    """Return why jobs should be kept, by their numbers: a list does not say what a repository contains."""
    from lgi_tools.cli.progress import ProgressBar
    from lgi_tools.task.parallel import map_parallel

    def work(mine: "Iterator[Job]", report: Callable[[tuple[int, str]], None]) -> None:
        for job in mine:
            report((job.id, _loss(project, job)))

    found: dict[int, str] = {}
    with closing(ProgressBar("looking for results")) as bar:
        for job_id, reason in map_parallel(jobs, work, min(_HANDS, len(jobs))):
            found[job_id] = reason
            bar(len(found), len(jobs))
    return found


def _loss(project: "Project", job: "Job") -> str:
    from lgi_tools.task import stored_results

    try:
        return stored_results.loss(project.job(job))
    except ServerError as error:
        if error.number != ErrorNumber.NO_JOB:
            raise
        return ""


def _is_fetched(project: "Project", job: "Job") -> bool:
    """Return whether the user, or another owner, has fetched all results; mere readers do not count."""
    return bool(job.fetched_at) and job.fetched_by in {project.user, *job.owners}


def line_of(job: "Job") -> str:
    """Return the line that lists a job: id, state, application, UTC time of the last change."""
    return f"{job.id} {job.state} {job.application} {job.changed:%Y-%m-%dT%H:%M:%SZ}"


def is_wanted(found: "Sequence[Job]") -> bool:
    """Ask for confirmation. Raises UsageError when standard input is not a terminal."""
    if not sys.stdin.isatty():
        raise click.UsageError(
            "cannot ask for confirmation without a terminal: give --yes, or --dry-run to list the jobs"
        )
    states = Counter(job.state for job in found)
    kinds = " and ".join(f"{number} {state}" for state, number in sorted(states.items()))
    return click.confirm(f"Remove your {kinds} jobs with their files?", err=True)


def remove(project: "Project", found: "Sequence[Job]", as_json: bool = False) -> int:
    """Delete each job, also after a failure. Returns the exit code: 0 when all jobs are removed, else 1."""
    # Another user or program may have removed a job.
    refused = [
        one
        for one in project.delete_jobs(found)
        if not one.is_done and not (one.error and one.error.number == ErrorNumber.NO_JOB)
    ]
    for one in refused:
        terminal.warn(NAME, f"job {one.job_id}: {one.error or f'it is {one.state}'}")
    removed = len(found) - len(refused)
    if as_json:
        output_json.show({"jobs": [output_jobs.of_job(job) for job in found], "removed": removed})
    else:
        terminal.show(f"{removed} jobs removed\n")
    return 1 if refused else 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run LGI_clean and return its exit code: 0 only when all selected jobs are removed."""
    return program.run(command, NAME, arguments)
