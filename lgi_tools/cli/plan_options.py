"""The options that say when a new job is started, shared by all commands that submit."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from lgi_tools.cli.numeric_options import PRIORITY, RETRIES
from lgi_tools.cli.options import Options
from lgi_tools.cli.param_types import TextParamType
from lgi_tools.client import command_line

if TYPE_CHECKING:
    # Slow to load: functions that need it import it.
    from lgi_tools.client.job_plan import JobPlan

_Command = TypeVar("_Command", bound=Callable[..., Any])
_ORDER = ("priority", "deadline", "urgent", "not_on")
_NOTIFY = ("notify", "mail", "webhook")
# The arguments of a command that these options are.
NAMES = ("hold", "after", "after_any", "keep", "retries", "retry_on", "backoff", *_ORDER, *_NOTIFY)
# The fields of a submit that they become.
FIELDS = frozenset({"hold", "after", "after_any", "retries", *_ORDER, "notify"})


def followed(text: str) -> "tuple[int | str, ...]":
    """Return the jobs of a comma list: numbers, and texts as ``12-40`` and ``102[]``. Raises ValueError.

    A list of none is refused: it is what a submit that has failed prints, and this job would not wait.
    """
    from lgi_protocol import job_references
    from lgi_tools.client.job_plan import reference_of

    found = tuple(map(reference_of, job_references.split(text)))
    if not found:
        raise ValueError("it names no job: was the submit of that job refused?")
    return found


def plan_options(command: _Command) -> _Command:
    """Add --priority, --hold, --after, --retries, --not-on, --notify and what belongs to these."""
    for option in (
        click.option(
            "--not-on",
            multiple=True,
            metavar="RESOURCE[,RESOURCE]",
            help="Resources that are not to get the job; may be repeated (default: none).",
        ),
        click.option(
            "--webhook",
            default="",
            metavar="URL",
            help="Tell it by a POST of JSON to this address; administrators allow its host (default: none).",
        ),
        click.option(
            "--mail",
            default="",
            metavar="ADDRESS",
            help="Tell it by mail to this address, which the project allows (default: your own, without"
            " --webhook).",
        ),
        click.option(
            "--notify",
            default="",
            metavar="EVENTS",
            help="Tell me of these events of the job, or of the array as a whole: some of start, end, fail"
            " (default: none).",
        ),
        click.option(
            "--urgent",
            is_flag=True,
            help="Start the job before those of all users; a group of yours must have the right.",
        ),
        click.option(
            "--deadline",
            type=TextParamType("time", command_line.deadline),
            metavar="TIME",
            help="Prefer the job to your own others as a date comes near, as 2026-11-30T18:00, or in 6h"
            " (default: none).",
        ),
        click.option(
            "--priority",
            type=PRIORITY,
            default=0,
            show_default=True,
            metavar="N",
            help="Start the job before your own jobs of lower priority; from -100 to 100.",
        ),
        click.option(
            "--backoff",
            type=TextParamType("time", command_line.seconds),
            metavar="TIME",
            help="Wait before the second try, as 90 or 5m, and twice as long each time (default: 1m).",
        ),
        click.option(
            "--retry-on",
            default="",
            metavar="ENDS",
            help="Retry after these ends only, as 'exit 75, exit 1-9, signal, lost' (default: any failure).",
        ),
        click.option(
            "--retries",
            type=RETRIES,
            metavar="N",
            help="Start the job again up to N times when it fails (default: 0).",
        ),
        click.option(
            "--keep-after-failure",
            "keep",
            is_flag=True,
            help="Hold the job, instead of aborting it, when a job of --after fails.",
        ),
        click.option(
            "--after-any",
            type=TextParamType("ids", followed),
            multiple=True,
            metavar="ID[,ID]",
            help="Start the job when these have ended in any way, as 7,12-40,102[]; may be repeated"
            " (default: none).",
        ),
        click.option(
            "--after",
            "--after-ok",
            type=TextParamType("ids", followed),
            multiple=True,
            metavar="ID[,ID]",
            help="Start the job when these have succeeded, as 7,12-40 or the array 102[]; may be repeated"
            " (default: none).",
        ),
        click.option("--hold", is_flag=True, help="Do not start the job until LGI_release releases it."),
    ):
        command = option(command)
    return command


def of_options(given: Options) -> "JobPlan":
    """Return the plan that the options make. Raises ValueError."""
    from lgi_tools.client.job_plan import JobPlan, names_of

    after, after_any = (tuple(one for some in given[name] for one in some) for name in ("after", "after_any"))
    return JobPlan(
        hold=given["hold"],
        after=after,
        after_any=after_any,
        keep_after_failure=given["keep"],
        retries=given["retries"] or 0,
        retry_on=given["retry_on"],
        backoff=given["backoff"],
        priority=given["priority"],
        deadline=given["deadline"] or 0,
        urgent=given["urgent"],
        not_on=names_of(given["not_on"]),
        notify=tuple(part.strip() for part in given["notify"].split(",") if part.strip()),
        mail=given["mail"],
        webhook=given["webhook"],
    )


def pop_fields(given: Options) -> dict[str, str]:
    """Remove the options and return them as fields of a submit, those with a value. Raises UsageError."""
    try:
        return of_options({name: given.pop(name) for name in NAMES}).fields()
    except ValueError as error:
        raise click.UsageError(str(error)) from None
