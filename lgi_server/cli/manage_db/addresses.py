"""The mail addresses of users, at which they are told of their jobs; they are not replicated."""

from collections.abc import Mapping, Sequence

import click

from lgi_server.cli.manage_db import options, output
from lgi_server.cli.manage_db.answers import ask
from lgi_server.cli.manage_db.project import ManagedProject
from lgi_server.tables import notification_users

MAIL = "mail"


def commands() -> Mapping[str, Sequence[click.Command]]:
    """Return the commands for the addresses of users, by action."""
    return {"list": [_listing], "add": [_setting], "del": [_removal]}


@click.command(MAIL, epilog=options.example("add users mail --name carl@desk --address carl@example.org"))
@options.name_of("user")
@click.option("--address", show_default=options.ASKED, help="Mail address, as carl@example.org.")
@options.on_project
def _setting(chosen: ManagedProject, *, name: str | None, address: str | None) -> None:
    """Set the mail address of a user of PROJECT for notifications, on this server."""
    name, address = ask(name, "user name"), ask(address, "mail address")
    chosen.change_here(lambda changes: changes.set_mail(name, address))


@click.command(MAIL, epilog=options.example("del users mail --name carl@desk"))
@options.name_of("user")
@options.on_project
def _removal(chosen: ManagedProject, *, name: str | None) -> None:
    """Remove the mail address of a user of PROJECT, on this server."""
    name = ask(name, "user name")
    chosen.change_here(lambda changes: changes.remove_mail(name))


@click.command(MAIL, epilog=options.example("list users mail"))
@options.FORMAT
@options.on_project
def _listing(chosen: ManagedProject, *, form: str) -> None:
    """List the users of PROJECT whose mail address an administrator has set on this server."""
    rows = chosen.run(notification_users.addresses)
    click.echo(output.shown(form, f"users_{MAIL}", ("user_name", "address"), rows))
