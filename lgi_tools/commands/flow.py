"""LGI_flow: submit jobs that follow each other, as a file describes them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lgi_protocol.errors import ErrorNumber, ServerError
from lgi_tools.cli import options, output_json, program, terminal
from lgi_tools.cli.session import open_project
from lgi_tools.commands import run_options

if TYPE_CHECKING:
    # Slow to load: functions that need them import them.
    from lgi_tools.client.job_request import JobRequest
    from lgi_tools.client.project import Project
    from lgi_tools.commands.flow_file import FlowJob
    from lgi_tools.commands.flow_state import FlowState

NAME = "LGI_flow"


@click.command(context_settings=options.CONTEXT, no_args_is_help=True)
@click.option("--resume", is_flag=True, help="Submit only those jobs that have not succeeded.")
@output_json.option
@options.project_options
@options.version
@click.argument("file", type=options.FILE)
@output_json.json_errors
def command(file: str, resume: bool, as_json: bool, **given: object) -> int:
    """Submit the jobs of FILE (TOML), which follow each other, and print the name and number of each.

    FILE has a table for each job, as [jobs.prepare], with a command, after (names of other jobs) and the
    options of LGI_run. What was submitted is remembered in FILE.state.

    Example: LGI_flow sweep.toml
    """
    from lgi_tools.commands import flow_file, flow_state

    path = Path(file)
    try:
        jobs = flow_file.read(path)
        plans = {job.key: _request(job) for job in jobs}
        state = flow_state.read(flow_state.path_of(path))
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    if state and not resume:
        advice = f"--resume submits what has not succeeded, without {state.path} all is submitted again"
        raise click.ClickException(f"{path} was submitted already: {advice}")
    with open_project(given, NAME) as project:
        state = state or flow_state.FlowState(flow_state.path_of(path), project.server)
        _forget_failed(project, state)
        submitted = _submit(project, state, jobs, plans, as_json)
    if as_json:
        output_json.show({"jobs": submitted})
    return 0


def _request(job: "FlowJob") -> "JobRequest":
    """Return the submit of a job without those that it follows. Raises ValueError."""
    request = run_options.plan(job.words, dict(job.options)).request
    # Before anything is submitted; the others have no numbers yet.
    replace(request.plan, after=(0,) * bool(job.after)).fields()
    return request


def _forget_failed(project: "Project", state: "FlowState") -> None:
    """Remove the jobs that have to be submitted again from a state, and store it."""
    if state.server != project.server:
        raise click.ClickException(
            f"{state.path} is of {state.server}: continue there with -S {state.server}"
        )
    for key, job_id in list(state.jobs.items()):
        if not _is_good(project, job_id):
            state.forget(key)
    state.write()


def _is_good(project: "Project", job_id: int) -> bool:
    """Return whether a job has succeeded, or may still do so."""
    try:
        job = project.job(job_id)
    except ServerError as error:
        if error.number == ErrorNumber.NO_JOB:
            return False
        raise
    return not job.ended or job.end.outcome != "failed"


def _submit(
    project: "Project",
    state: "FlowState",
    jobs: "Sequence[FlowJob]",
    plans: "Mapping[str, JobRequest]",
    as_json: bool,
) -> list[dict[str, Any]]:
    """Submit the jobs that the state does not have, each behind those that it follows, and return them."""
    submitted = []
    for job in jobs:
        if job.key in state.jobs:
            continue
        after, after_any = (tuple(state.jobs[key] for key in names) for names in (job.after, job.after_any))
        plan = replace(plans[job.key].plan, after=after, after_any=after_any)
        request = replace(plans[job.key], plan=plan, request_id=state.request_id(job.key))
        state.jobs[job.key] = project.submit_request(request).id
        state.write()
        submitted.append({"name": job.key, "job_id": state.jobs[job.key]})
        if not as_json:
            terminal.show(f"{job.key} {state.jobs[job.key]}\n")
    return submitted


def main(arguments: Sequence[str] | None = None) -> int:
    """Run LGI_flow and return its exit code: 0 only when all jobs are submitted."""
    return program.run(command, NAME, arguments)
