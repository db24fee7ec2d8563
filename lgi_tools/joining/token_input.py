"""The URL and the token of commands that join: as arguments, from a file, or asked for."""

import os
import stat
import sys
from collections.abc import Callable
from typing import IO, Any, TypeVar

import click

from lgi_tools.cli import terminal

_Command = TypeVar("_Command", bound=Callable[..., Any])
# Characters read from a file with a token.
MOST_TOKEN = 1000


def arguments(command: _Command) -> _Command:
    """Add the arguments URL and TOKEN, both optional, and --token-file."""
    for add in (
        click.option(
            "--token-file",
            type=click.File(),
            help="File with the token, which other users cannot see, - for standard input"
            " (default: standard input if it is a pipe, else ask for it).",
        ),
        click.argument("token", required=False),
        click.argument("url", required=False),
    ):
        command = add(command)
    return command


def word(token: str | None, file: IO[str] | None) -> str:
    """Return the text of the token: the argument, that of a file or pipe, or the answer to a prompt."""
    if token and file:
        raise click.UsageError("--token-file cannot be combined with TOKEN")
    if file is not None:
        return file.read(MOST_TOKEN).strip()
    if token:
        return token
    if _is_piped() and (piped := sys.stdin.readline(MOST_TOKEN).strip()):
        return piped
    if not terminal.is_attended():
        raise click.UsageError("TOKEN or --token-file is required, as printed by LGI_certificates token")
    typed: str = click.prompt("Token", hide_input=True, err=True)
    return typed.strip()


def _is_piped() -> bool:
    """Return whether standard input is a pipe or a file, from which a token can be read."""
    try:
        mode = os.fstat(sys.stdin.fileno()).st_mode
    except (AttributeError, ValueError, OSError):
        # It is closed, or not one of the system.
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISREG(mode)
