"""LGI_priority: order one's own queued jobs."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from lgi_protocol.states import State
from lgi_tools.cli import options, output_json, program, selection_options, terminal
from lgi_tools.cli.numeric_options import PRIORITY
from lgi_tools.cli.param_types import TextParamType
from lgi_tools.cli.session import open_project, selected

if TYPE_CHECKING:
    # Slow to load: only its fields are read.
    from lgi_tools.client.priority_calls import PriorityOutcome

NAME = "LGI_priority"
_NONE = "none"


def _deadline(text: str) -> int:
    """Return the Unix time of a deadline, 0 for ``none``. Raises ValueError, also for the past."""
    from lgi_tools.client import command_line

    return 0 if text.strip().lower() == _NONE else command_line.deadline(text)


@click.command(context_settings=options.CONTEXT, no_args_is_help=True)
@click.option(
    "--to",
    "priority",
    type=PRIORITY,
    metavar="N",
    help="The priority, from -100 to 100 (default: the one that each job has).",
)
@click.option(
    "--deadline",
    type=TextParamType("time", _deadline),
    metavar="TIME",
    help="A date as 2026-11-30T18:00, or in 6h; none for no deadline (default: the one that each job has).",
)
@output_json.option
@options.project_options
@selection_options.selection_options
@options.version
@output_json.json_errors
def command(priority: int | None, deadline: int | None, as_json: bool, **given: object) -> int:
    """Give queued jobs the priority N: of the queued jobs of one user those with the highest start first.

    It rises as the deadline of a job comes nearer. Jobs have 0 unless something else is said. Those of other
    users wait neither more nor less for it.
    JOB_ID is a number, a range as 12-40, or - for the numbers on standard input; options select jobs too.
    Of a selection only queued jobs get it.

    Example: LGI_priority --to 50 --name sweep
    """
    if priority is None and deadline is None:
        raise click.UsageError("say what to change: --to N or --deadline TIME")
    words = selection_options.split(given)
    with open_project(given, NAME) as project:
        queued = selected(project, words, lambda job: job.state == State.QUEUED)
        outcomes = project.prioritize(queued, priority, deadline=deadline)
    for one in outcomes:
        if one.error:
            terminal.warn(NAME, f"job {one.job_id}: {one.error}")
    if as_json:
        output_json.show({"jobs": [_shown(one) for one in outcomes]})
    return 1 if any(one.error for one in outcomes) else 0


def _shown(one: "PriorityOutcome") -> dict[str, Any]:
    if one.error:
        return {"job_id": one.job_id} | output_json.refused(one.error)
    time = {"deadline": int(one.deadline.timestamp())} if one.deadline else {}
    return {"job_id": one.job_id, "state": one.state, "priority": one.priority} | time


def main(arguments: Sequence[str] | None = None) -> int:
    """Run LGI_priority and return its exit code: 0 only when all selected jobs are as wanted."""
    return program.run(command, NAME, arguments)
