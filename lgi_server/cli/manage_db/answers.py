"""The prompts, confirmations and reports of ManageDB."""

import sys

import click

from lgi_protocol import whole_number
from lgi_protocol.console import OutputError
from lgi_server.services.project.recorded_changes import AdministrationError

# The largest that a column INTEGER holds.
_MOST = 2**31 - 1


def ask(given: str | None, question: str, *, required: bool = True) -> str:
    """Return the value of an option, or prompt for it. AdministrationError for a missing one."""
    # As LGI: the wording of the questions and of the refusal.
    value = click.prompt(f"Enter {question}", default="", show_default=False) if given is None else given
    if required and not value.strip():
        raise AdministrationError(f"Nothing was done ! An answer for the {question} is needed")
    return str(value).strip()


def ask_number(given: str | None, question: str) -> int:
    """Return `ask` as a whole number. AdministrationError for any other text."""
    text = ask(given, question)
    number = whole_number.read(text.removeprefix("-"), most=_MOST)
    if number is None:
        raise AdministrationError(f"{text[:40]!r} is not a whole number of at most {_MOST}")
    return -number if text.startswith("-") else number


def confirm(question: str, is_sure: bool) -> None:
    """Ask for confirmation on a terminal, and end the command without it. A script is not asked."""
    if not is_sure and sys.stdin.isatty():
        click.confirm(question, abort=True)


def report(text: str) -> None:
    """Print what was done, on standard error when standard output cannot be written.

    Otherwise a script that retries because of the exit code would make the change twice.
    """
    try:
        click.echo(text)
    except OutputError:
        # The text left in the buffer of standard output makes the exit code 1 (lgi_protocol.console).
        click.echo(f"ManageDB: {text}", err=True)
