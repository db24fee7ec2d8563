"""The prompts, confirmations and reports of ManageDB."""

import sys

import click

from lgi_protocol.console import OutputError
from lgi_server.services.project.recorded_changes import AdministrationError


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
    try:
        return int(text)
    except ValueError:
        raise AdministrationError(f"{text!r} is not a whole number") from None


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
