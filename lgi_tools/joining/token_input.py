"""The URL and the token of commands that join: as arguments, from a file, or asked for."""

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
            help="File with the token, - for standard input, which other users cannot see"
            " (default: ask for it).",
        ),
        click.argument("token", required=False),
        click.argument("url", required=False),
    ):
        command = add(command)
    return command


def word(token: str | None, file: IO[str] | None) -> str:
    """Return the text of the token: the argument, the content of a file, or the answer to a prompt."""
    if token and file:
        raise click.UsageError("--token-file cannot be combined with TOKEN")
    if file is not None:
        return file.read(MOST_TOKEN).strip()
    if token:
        return token
    if not terminal.is_attended():
        raise click.UsageError("TOKEN or --token-file is required, as printed by LGI_certificates token")
    typed: str = click.prompt("Token", hide_input=True, err=True)
    return typed.strip()
