"""Arrays whose elements follow the like elements of other arrays: --after-each of LGI_run."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

import click

from lgi_tools.cli.param_types import TextParamType

if TYPE_CHECKING:
    # Slow to load: only their fields are read.
    from lgi_tools.client.project import Project
    from lgi_tools.commands.run_options import Plan

_Command = TypeVar("_Command", bound=Callable[..., Any])
_ARRAY = re.compile(r"([0-9]{1,9})(?:\[\])?")
# The arguments of the command that these options are.
NAMES = ("after_each", "after_any_each")


def array_of(text: str) -> int:
    """Return the number of an array, written as ``102[]`` or ``102``. Raises ValueError."""
    match = _ARRAY.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text[:40]!r} is not an array: write it as LGI_run has printed it, as 102[]")
    return int(match[1])


def follow_options(command: _Command) -> _Command:
    """Add --after-each and --after-any-each."""
    ends = {"--after-any-each": "ended in any way", "--after-each": "succeeded"}
    for name, end in ends.items():
        command = click.option(
            name,
            type=TextParamType("id", array_of),
            multiple=True,
            metavar="ID",
            help=f"Start each element of the array when that of array ID with the same index has {end},"
            " as 102[]; may be repeated (default: none).",
        )(command)
    return command


def followers(
    project: "Project", plans: "Mapping[int, Plan]", arrays: Mapping[str, Sequence[int]]
) -> "dict[int, Plan]":
    """Return the plans of elements, by index, that follow the like ones of ``arrays``, by the option.

    Raises ClickException for an array that is not there, and for one that lacks such an element.
    """
    found = dict(plans)
    for option, array_ids in arrays.items():
        for array_id in array_ids:
            numbers = _numbers(project, array_id)
            if lacking := found.keys() - numbers.keys():
                why = f"element {min(lacking)} is to follow that of array {array_id}, which has none"
                raise click.ClickException(why)
            found = {index: _following(plan, option, numbers[index]) for index, plan in found.items()}
    return found


def _numbers(project: "Project", array_id: int) -> dict[int, int]:
    jobs = project.jobs(array=array_id)
    numbers = {job.array_index: job.id for job in jobs if job.array_index is not None}
    if not numbers:
        raise click.ClickException(f"there is no array {array_id}, or you may not read it")
    return numbers


def _following(plan: "Plan", option: str, job_id: int) -> "Plan":
    """Return a plan that follows one job more, as the option says."""
    own = plan.request.plan
    if option == "after_each":
        own = replace(own, after=(*own.after, job_id))
    else:
        own = replace(own, after_any=(*own.after_any, job_id))
    return replace(plan, request=replace(plan.request, plan=own))
