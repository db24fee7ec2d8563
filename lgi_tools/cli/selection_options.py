"""The options and words with which all commands select jobs, and the `Selection` that they mean."""

import re
import sys
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

import click

from lgi_tools.cli.completion import complete_applications, complete_ids, complete_names, complete_states
from lgi_tools.cli.options import Options
from lgi_tools.cli.param_types import STATE, TextParamType
from lgi_tools.client import command_line

if TYPE_CHECKING:
    # Slow to load: functions that need them import them.
    from lgi_tools.client.job import Job
    from lgi_tools.client.selection import Selection

_Command = TypeVar("_Command", bound=Callable[..., Any])
STDIN = "-"
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_NAMES = (
    "state",
    "application",
    "failed",
    "succeeded",
    "name",
    "labels",
    "resource",
    "since",
    "mine",
    "group",
    "array",
)


def since(text: str) -> int:
    """Return the Unix time of a date, or of so long ago as ``2h`` says. Raises ValueError."""
    text = text.strip()
    if _DATE.match(text):
        try:
            return int(datetime.fromisoformat(text).astimezone().timestamp())
        except (ValueError, OverflowError):
            raise ValueError(f"{text!r} is not a date: write 2026-11-30 or 2026-11-30T08:15") from None
    try:
        return max(0, int(time.time()) - command_line.seconds(text))
    except ValueError:
        raise ValueError(
            f"{text!r} is neither a date nor a time span: write 2026-11-30, 90m, 2h or 7d"
        ) from None


_STATE = click.option(
    "-s",
    "--state",
    type=STATE,
    default="",
    shell_complete=complete_states,
    metavar="STATE",
    help="Only jobs in this state: queued, held, running, aborting, finished or aborted; !STATE: in all"
    " others (default: any).",
)
_APPLICATION = click.option(
    "-a",
    "--application",
    default="",
    shell_complete=complete_applications,
    metavar="NAME",
    help="Only jobs of this application; !NAME: of all others (default: any).",
)
_OUTCOMES = (
    click.option("--succeeded", is_flag=True, help="Only finished jobs with exit code 0."),
    click.option(
        "--failed",
        is_flag=True,
        help="Only aborted jobs, and jobs that ended with another exit code or by a signal.",
    ),
)
_OTHERS = (
    click.option(
        "--name",
        default="",
        shell_complete=complete_names,
        metavar="NAME",
        help="Only jobs with this name (default: any).",
    ),
    click.option(
        "--label",
        "labels",
        multiple=True,
        metavar="KEY=VALUE",
        help="Only jobs with this label; may be repeated (default: any).",
    ),
    click.option(
        "--resource",
        default="",
        metavar="NAME",
        help="Only jobs that run or ran on this resource, or must (default: any).",
    ),
    click.option(
        "--since",
        type=TextParamType("time", since),
        metavar="TIME",
        help="Only jobs that changed since a date, as 2026-11-30, or in the last 2h or 7d (default: any).",
    ),
    click.option("--mine", is_flag=True, help="Only your own jobs, not those that you may only read."),
    click.option(
        "--group", default="", metavar="NAME", help="Only jobs that this group owns (default: any)."
    ),
    click.option(
        "--array",
        default="",
        metavar="ID",
        help="Only elements of this array; 7[1-3,9]: those of array 7 with these indexes (default: any).",
    ),
)


def other_options(command: _Command) -> _Command:
    """Add the options of a selection that commands of LGI lack: --name, --label, --resource and others."""
    for option in reversed(_OTHERS):
        command = option(command)
    return command


def selection_options(command: _Command) -> _Command:
    """Add all options that select jobs, and the argument JOB_ID, which may be missing, as ``words``."""
    argument = click.argument("words", nargs=-1, shell_complete=complete_ids, metavar="[JOB_ID]...")
    everything = click.option(
        "--all",
        "everything",
        is_flag=True,
        help="Also jobs of others that you may read; without other options all of them.",
    )
    for option in reversed((_STATE, _APPLICATION, *_OUTCOMES, *_OTHERS, everything, argument)):
        command = option(command)
    return command


def split(given: Options) -> Options:
    """Remove the options of a selection from those of a command and return them."""
    return {name: given.pop(name) for name in (*_NAMES, "everything", "words") if name in given}


def is_plain(chosen: Options) -> bool:
    """Return whether single job ids are given and nothing else, as commands of LGI take them."""
    filters = any(chosen.get(name) for name in (*_NAMES, "everything"))
    return not filters and all(word.isascii() and word.isdigit() for word in chosen["words"])


def selection(chosen: Options, user: str, default_all: bool = False) -> "Selection":
    """Return the selection of some options and words, for this user.

    Raises UsageError for an invalid one, and for none: all jobs must be asked for with --all unless a command
    has them as its default.
    """
    from lgi_tools.client.selection import Selection, read_numbers

    if chosen.get("mine") and chosen.get("group"):
        raise click.UsageError("--mine cannot be combined with --group")
    if chosen.get("failed") and chosen.get("succeeded"):
        raise click.UsageError("--failed cannot be combined with --succeeded")
    words = _words(chosen.get("words", ()))
    plain = [word for word in words if "[" not in word]
    arrays = [word for word in words if "[" in word]
    # Beside numbers an array is selected too, beside an option only what is in both.
    first = chosen.get("array", "") or next(iter(arrays[: not plain]), "")
    try:
        if arrays and chosen.get("array"):
            raise ValueError(f"--array cannot be combined with {arrays[0]}")
        found = Selection(
            state=chosen.get("state", ""),
            application=chosen.get("application", ""),
            ended="failed" if chosen.get("failed") else "succeeded" if chosen.get("succeeded") else "",
            name=chosen.get("name", ""),
            labels=tuple(chosen.get("labels", ())),
            owner=user if chosen.get("mine") else chosen.get("group", ""),
            resource=chosen.get("resource", ""),
            since=chosen.get("since") or 0,
            numbers=read_numbers(plain),
            array=first,
            more_arrays=tuple(arrays[bool(first) :]),
        )
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    if found.is_everything and not (default_all or chosen.get("everything")):
        raise click.UsageError("no jobs are selected: give job ids, an option that selects jobs, or --all")
    if chosen.get("everything") and chosen.get("mine"):
        raise click.UsageError("--all cannot be combined with --mine")
    return found


def takes(chosen: Options, user: str, job: "Job") -> bool:
    """Return whether a command takes a selected job: one's own, unless others are asked for.

    Somebody else may have given a job the same name and labels, and let this user read it. An array has all
    its elements from one submit.
    """
    asked = chosen.get("everything") or chosen.get("group") or chosen.get("array")
    return user in job.owners or bool(asked) or any("[" in word for word in chosen.get("words", ()))


def only_own(chosen: Options, user: str, found: "Sequence[Job]") -> "list[Job]":
    """Return those of the selected jobs that a command takes (`takes`).

    Raises ClickException when none is left.
    """
    own = [job for job in found if takes(chosen, user, job)]
    if found and not own:
        raise click.ClickException("no job of yours is selected; --all also selects those of others")
    if not found:
        raise click.ClickException("no job is selected")
    return own


def _words(words: Sequence[str]) -> list[str]:
    """Return the words, with those of standard input for ``-``; UsageError when it has none."""
    found: list[str] = []
    for word in words:
        found += sys.stdin.read().split() if word == STDIN else [word]
    if words and not found:
        raise click.UsageError("there are no job ids on standard input")
    return found


def counted(states: Sequence[str]) -> str:
    """Return how many jobs are in each state, as ``3 queued and 1 running``."""
    kinds = [f"{states.count(state)} {state}" for state in sorted(set(states))]
    return " and ".join(filter(None, (", ".join(kinds[:-1]), kinds[-1]))) if kinds else "no"
