"""LGI_resubmit: submit jobs that have ended again."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from lgi_tools.cli import options, output_json, program, selection_options, terminal
from lgi_tools.cli.session import open_project, selected

if TYPE_CHECKING:
    # Slow to load: only its fields are read.
    from lgi_tools.client.job_request import Submission

NAME = "LGI_resubmit"


@click.command(context_settings=options.CONTEXT, no_args_is_help=True)
@output_json.option
@options.project_options
@selection_options.selection_options
@options.version
@output_json.json_errors
def command(as_json: bool, **given: object) -> int:
    """Submit jobs that have ended again, and print the numbers of the new jobs.

    JOB_ID is a number, a range as 12-40, or - for the numbers on standard input; options select jobs too.
    Of a selection only those jobs are submitted that have ended.

    A new job has the application, targets, input, specifics, name and labels of the old one, the label
    resubmitted_from with its number, and its files except its output. It has its priority, deadline and
    retries too, but is not urgent, follows no other job and is not held.

    Example: LGI_resubmit --name sweep --failed
    """
    words = selection_options.split(given)
    with open_project(given, NAME) as project:
        numbers = selected(project, words, lambda job: job.ended)
        outcomes = project.resubmit(numbers)
    for one in outcomes:
        if one.error:
            terminal.warn(NAME, f"job {one.resubmitted_from}: {one.error}")
        elif not as_json:
            terminal.show(f"{one.job_id}\n")
    if as_json:
        output_json.show({"jobs": [_shown(one) for one in outcomes]})
    return 1 if any(one.error for one in outcomes) else 0


def _shown(one: "Submission") -> dict[str, Any]:
    source = {"resubmitted_from": one.resubmitted_from}
    if one.error:
        return source | output_json.refused(one.error)
    return source | {"job_id": one.job_id}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run LGI_resubmit and return its exit code: 0 only when all selected jobs are submitted."""
    return program.run(command, NAME, arguments)
