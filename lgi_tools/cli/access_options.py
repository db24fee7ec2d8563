"""The options of submits that say who else may read and change a job."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from lgi_protocol import comma_lists
from lgi_tools.cli.options import Options

_Command = TypeVar("_Command", bound=Callable[..., Any])
NAMES = ("read_access", "write_access")


def access_options(command: _Command) -> _Command:
    """Add --read-access and --write-access; the command gets them as keywords with these names."""
    for option in (
        click.option(
            "--write-access",
            default="",
            metavar="LIST",
            help="Users and groups that may change the job too, comma-separated (default: nobody else).",
        ),
        click.option(
            "-r",
            "--read-access",
            default="",
            metavar="LIST",
            help="Users and groups that may read the job too, comma-separated (default: nobody else).",
        ),
    ):
        command = option(command)
    return command


def lists(given: Options) -> dict[str, tuple[str, ...]]:
    """Return who else may read and change a job, by the fields of a submit; who may change it may read it."""
    readers, writers = (comma_lists.split(given[name]) for name in NAMES)
    return {"read_access": comma_lists.unique((*readers, *writers)), "write_access": writers}


def pop_fields(given: Options) -> dict[str, str]:
    """Remove the options from those of a command, and return the fields of a submit for them."""
    found = lists({name: given.pop(name) for name in NAMES})
    return {name: comma_lists.join(names) for name, names in found.items() if names}
