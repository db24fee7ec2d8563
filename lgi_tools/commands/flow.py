"""LGI_flow: submit jobs that follow each other, as a file describes them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lgi_tools.cli import options, output_json, program, terminal
from lgi_tools.cli.session import open_project

if TYPE_CHECKING:
    # Slow to load: functions that need them import them.
    from lgi_tools.client.project import Project
    from lgi_tools.commands.flow_state import FlowState

NAME = "LGI_flow"


@click.command(context_settings=options.CONTEXT, no_args_is_help=True)
@click.option("--resume", is_flag=True, help="Submit only what has failed, or is missing.")
@output_json.option
@options.project_options
@options.version
@click.argument("file", type=options.FILE)
@output_json.json_errors
def command(file: str, resume: bool, as_json: bool, **given: object) -> int:
    """Submit the jobs of FILE (TOML), which follow each other, and print the name and number of each.

    FILE has a table for each job, as [jobs.prepare], with a command, after (names of other jobs) and the
    options of LGI_run, also array, each_line and each: after_each of an array follows the like elements of
    others. What was submitted is remembered in FILE.state.

    Example: LGI_flow sweep.toml
    """
    from lgi_tools.commands import flow_file, flow_plan, flow_state
    from lgi_tools.commands.flow_submit import FlowSubmit

    path = Path(file)
    submitted = []
    try:
        plans = flow_plan.plans(flow_file.read(path))
        state = flow_state.read(flow_state.path_of(path))
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    if state and not resume:
        advice = f"--resume submits what has not succeeded, without {state.path} all is submitted again"
        raise click.ClickException(f"{path} was submitted already: {advice}")
    with open_project(given, NAME) as project:
        state = state or flow_state.FlowState(flow_state.path_of(path), project.server)
        _check_server(project, state)
        for one in FlowSubmit(project, state, plans).run():
            submitted.append(one)
            if not as_json:
                _show(one)
    if as_json:
        output_json.show({"jobs": submitted})
    return 0


def _check_server(project: "Project", state: "FlowState") -> None:
    if state.server != project.server:
        raise click.ClickException(
            f"{state.path} is of {state.server}: continue there with -S {state.server}"
        )


def _show(one: "Mapping[str, Any]") -> None:
    """Print the name and the number of a job; an array as a selection of all its elements."""
    number = f"{one['array_id']}[]" if "array_id" in one else one["job_id"]
    terminal.show(f"{one['name']} {number}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run LGI_flow and return its exit code: 0 only when all jobs are submitted."""
    return program.run(command, NAME, arguments)
