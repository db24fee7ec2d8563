"""LGI_hold and LGI_release: keep queued jobs from being started, and let them go again."""

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import click

from lgi_protocol.states import State
from lgi_tools.cli import first_elements, options, output_json, program, selection_options, terminal
from lgi_tools.cli.output_jobs import of_holds
from lgi_tools.cli.session import open_project, plain_numbers, selected

if TYPE_CHECKING:
    # Slow to load: only their fields are read.
    from lgi_tools.client.hold_calls import HoldOutcome
    from lgi_tools.client.job import Job
    from lgi_tools.client.project import Project

HOLD, RELEASE = "LGI_hold", "LGI_release"
# The reasons of holds that --now takes away too.
_WAITS = {"after", "retry"}


@click.command(context_settings=options.CONTEXT, no_args_is_help=True)
@click.option("--why", default="", metavar="TEXT", help="What to say of the hold (default: nothing).")
@output_json.option
@options.project_options
@selection_options.selection_options
@options.version
@output_json.json_errors
def hold_command(why: str, as_json: bool, **given: object) -> int:
    """Hold queued jobs: no resource gets them until LGI_release releases them.

    JOB_ID is a number, a range as 12-40, or - for the numbers on standard input; options select jobs too.
    Of a selection only those jobs are held that are queued. A running job cannot be held.

    Example: LGI_hold --name sweep --why 'wrong input'
    """
    return _change(
        HOLD, given, lambda job: job.state == State.QUEUED, lambda one, ids: one.hold(ids, why), as_json
    )


@click.command(context_settings=options.CONTEXT, no_args_is_help=True)
@click.option("--now", is_flag=True, help="Also end the wait for other jobs, or for the next try.")
@output_json.option
@options.project_options
@selection_options.selection_options
@options.version
@output_json.json_errors
def release_command(now: bool, as_json: bool, **given: object) -> int:
    """Release queued jobs that users hold.

    JOB_ID is a number, a range as 12-40, or - for the numbers on standard input; options select jobs too.
    Of a selection only those jobs are released that are held.

    Example: LGI_release --name sweep
    """
    return _change(
        RELEASE, given, lambda job: bool(job.holds), lambda one, ids: one.release(ids, now=now), as_json
    )


def _change(
    name: str,
    given: options.Options,
    suits: "Callable[[Job], bool]",
    change: "Callable[[Project, tuple[int, ...]], Iterable[HoldOutcome]]",
    as_json: bool,
) -> int:
    words = selection_options.split(given)
    with open_project(given, name) as project:
        outcomes = list(change(project, selected(project, words, suits)))
        first_elements.warn(name, project, plain_numbers(words))
    for one in outcomes:
        if one.error:
            terminal.warn(name, f"job {one.job_id}: {one.error}")
        elif name == RELEASE:
            _warn(one)
    if as_json:
        output_json.show({"jobs": [_shown(one) for one in outcomes]})
    return 1 if any(one.error or (name == RELEASE and _is_useless(one)) for one in outcomes) else 0


def _is_useless(one: "HoldOutcome") -> bool:
    """Return whether a release has taken nothing away from a job that is held."""
    return bool(one.holds) and one.is_released is False


def _warn(one: "HoldOutcome") -> None:
    """Say what still holds a job after a release, and how that ends; or that it was not held."""
    if one.holds:
        held = "; ".join(hold.summary for hold in one.holds)
        ends = any(hold.reason in _WAITS for hold in one.holds)
        advice = f"; LGI_release --now {one.job_id} ends that" if ends else ""
        terminal.warn(RELEASE, f"job {one.job_id} is still held: {held}{advice}")
    elif one.is_released is False:
        terminal.warn(RELEASE, f"job {one.job_id} is not held")


def _shown(one: "HoldOutcome") -> dict[str, Any]:
    if one.error:
        return {"job_id": one.job_id} | output_json.refused(one.error)
    return {"job_id": one.job_id, "state": one.state, "holds": of_holds(one.holds)}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run LGI_hold and return its exit code: 0 only when all selected jobs are held."""
    return program.run(hold_command, HOLD, arguments)


def release_main(arguments: Sequence[str] | None = None) -> int:
    """Run LGI_release and return its exit code: 0 only when users hold none of the selected jobs.

    It is 1 too when something else holds a job, and nothing was released of it.
    """
    return program.run(release_command, RELEASE, arguments)
