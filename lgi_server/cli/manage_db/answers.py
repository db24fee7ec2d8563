"""What ManageDB and the administrator say to each other."""

import sys

import click

from lgi_protocol.console import OutputError
from lgi_server.services.project.recorded_changes import AdministrationError


def ask(given: str | None, question: str, *, required: bool = True) -> str:
    """Return an answer: that of an option, or one that is asked for. AdministrationError for none."""
    # As LGI: the words of the questions and of the refusal.
    value = click.prompt(f"Enter {question}", default="", show_default=False) if given is None else given
    if required and not value.strip():
        raise AdministrationError(f"Nothing was done ! An answer for the {question} is needed")
    return str(value).strip()


def ask_number(given: str | None, question: str) -> int:
    """Return a whole number, given or asked for. AdministrationError for anything else."""
    text = ask(given, question)
    try:
        return int(text)
    except ValueError:
        raise AdministrationError(f"{text!r} is not a whole number") from None


def confirm(question: str, is_sure: bool) -> None:
    """Ask whoever is at a terminal whether that is meant, and end the command unless it is."""
    if not is_sure and sys.stdin.isatty():
        click.confirm(question, abort=True)


def report(text: str) -> None:
    """Say what was done.

    When standard output does not take it, standard error says it: a script that repeated the change because
    of the exit code would make it twice.
    """
    try:
        click.echo(text)
    except OutputError:
        # What is left of it in the stream makes the exit code 1 (lgi_protocol.console).
        click.echo(f"ManageDB: {text}", err=True)
