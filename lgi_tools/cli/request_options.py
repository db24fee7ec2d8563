"""The options for the requests of a job, shared by all commands that submit command lines."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from lgi_tools.cli import terminal
from lgi_tools.cli.numeric_options import COUNT
from lgi_tools.cli.param_types import TextParamType
from lgi_tools.client import command_line

_Command = TypeVar("_Command", bound=Callable[..., Any])


def request_options(
    *, cpus: tuple[str, ...] = (), memory: tuple[str, ...] = ()
) -> Callable[[_Command], _Command]:
    """Return a decorator that adds --cpus, --gpus, --mem, --time, --resource and -t.

    ``cpus`` and ``memory`` are further names of the first two. The arguments of the command are ``cpus``,
    ``gpus``, ``mem``, ``seconds``, ``resources`` and ``targets``.
    """

    def add(command: _Command) -> _Command:
        for option in (
            click.option(
                "-t",
                "--targets",
                default="",
                metavar="LIST",
                help="Resources the job may run on, comma-separated (default: any).",
            ),
            click.option(
                "--resource",
                "resources",
                multiple=True,
                metavar="NAME[=N]",
                help="Project-wide licence the job needs; may be repeated (default: none).",
            ),
            click.option(
                "--time",
                "seconds",
                type=TextParamType("time", command_line.seconds),
                metavar="SECONDS",
                help="Maximum run time, in seconds or as 90m, 2h or 01:30:00 (default: set by the resource).",
            ),
            click.option(
                "--mem",
                *memory,
                "mem",
                type=TextParamType("memory", command_line.memory),
                metavar="MB",
                help="Memory the job needs, in MB or as 2G (default: set by the resource).",
            ),
            click.option(
                "--gpus",
                type=COUNT,
                metavar="N",
                help="Number of GPUs the job needs, for itself alone (default: none).",
            ),
            click.option(
                "--cpus",
                *cpus,
                "cpus",
                type=COUNT,
                metavar="N",
                help="Number of cores the job needs (default: set by the resource).",
            ),
        ):
            command = option(command)
        return command

    return add


def warn_of_unmet(program: str, reason: str) -> None:
    """Warn that no resource can run a job. It stays queued, since a larger resource may be added."""
    if reason:
        terminal.warn(program, f"warning: no resource can currently run this job: {reason}")
