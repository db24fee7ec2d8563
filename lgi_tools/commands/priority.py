"""LGI_priority: order one's own queued jobs."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from lgi_protocol.states import State
from lgi_tools.cli import options, output_json, program, selection_options, terminal
from lgi_tools.cli.numeric_options import PRIORITY
from lgi_tools.cli.session import open_project, selected

if TYPE_CHECKING:
    # Slow to load: only its fields are read.
    from lgi_tools.client.priority_calls import PriorityOutcome

NAME = "LGI_priority"


@click.command(context_settings=options.CONTEXT, no_args_is_help=True)
@click.option("--to", "priority", type=PRIORITY, required=True, metavar="N", help="From -100 to 100.")
@output_json.option
@options.project_options
@selection_options.selection_options
@options.version
@output_json.json_errors
def command(priority: int, as_json: bool, **given: object) -> int:
    """Give queued jobs the priority N: of the queued jobs of one user those with the highest start first.

    Jobs have 0 unless something else is said. Those of other users wait neither more nor less for it.
    JOB_ID is a number, a range as 12-40, or - for the numbers on standard input; options select jobs too.
    Of a selection only queued jobs get it.

    Example: LGI_priority --to 50 --name sweep
    """
    words = selection_options.split(given)
    with open_project(given, NAME) as project:
        queued = selected(project, words, lambda job: job.state == State.QUEUED)
        outcomes = project.prioritize(queued, priority)
    for one in outcomes:
        if one.error:
            terminal.warn(NAME, f"job {one.job_id}: {one.error}")
    if as_json:
        output_json.show({"jobs": [_shown(one) for one in outcomes]})
    return 1 if any(one.error for one in outcomes) else 0


def _shown(one: "PriorityOutcome") -> dict[str, Any]:
    if one.error:
        return {"job_id": one.job_id} | output_json.refused(one.error)
    return {"job_id": one.job_id, "state": one.state, "priority": one.priority}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run LGI_priority and return its exit code: 0 only when all selected jobs have the priority."""
    return program.run(command, NAME, arguments)
