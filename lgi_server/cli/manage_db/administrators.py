"""Administrators over HTTP, and users whose calls are refused."""

from collections.abc import Mapping, Sequence

import click

from lgi_server.cli.manage_db import options, output
from lgi_server.cli.manage_db.answers import ask, report
from lgi_server.cli.manage_db.project import ManagedProject
from lgi_server.tables import administrators, revoked_users

ADMIN, REVOKED = "admin", "revoked"


def commands() -> Mapping[str, Sequence[click.Command]]:
    """Return the commands for administrators and revoked users, by action."""
    return {
        "list": [_administrators, _revocations],
        "add": [_addition, _revocation],
        "del": [_removal, _readmission],
    }


@click.command(ADMIN, epilog=options.example("add users admin --name carl@desk"))
@options.name_of("user")
@options.on_project
def _addition(chosen: ManagedProject, *, name: str | None) -> None:
    """Let a user administrate PROJECT over HTTP, on this server.

    The user's certificate has to have the group of administrators, too.
    """
    name = ask(name, "user name")
    chosen.change_here(lambda changes: changes.add_administrator(name))


@click.command(ADMIN, epilog=options.example("del users admin --name carl@desk"))
@options.name_of("user")
@options.on_project
def _removal(chosen: ManagedProject, *, name: str | None) -> None:
    """Let a user administrate PROJECT over HTTP no more, unless it is the last who may."""
    name = ask(name, "user name")
    chosen.change_here(lambda changes: changes.remove_administrator(name))


@click.command(ADMIN, epilog=options.example("list users admin"))
@options.FORMAT
@options.on_project
def _administrators(chosen: ManagedProject, *, form: str) -> None:
    """List the users who may administrate PROJECT over HTTP, on this server."""
    rows = [dict(row) for row in chosen.run(administrators.listed)]
    click.echo(output.shown(form, f"users_{ADMIN}", ("user_name", "added", "added_by"), rows))


@click.command(REVOKED, epilog=options.example("add users revoked --name carl@desk --reason 'left'"))
@options.name_of("user")
@click.option("--reason", default="", show_default="none", metavar="TEXT", help="At most 254 bytes.")
@options.on_project
def _revocation(chosen: ManagedProject, *, name: str | None, reason: str) -> None:
    """Refuse all calls of a user of PROJECT on this server, from the next one on, and revoke the tokens.

    Queued jobs of the user still run. On all servers a rule denies the user all applications.
    """
    name = ask(name, "user name")
    _change(chosen, chosen.in_changes(lambda changes: changes.revoke(name, reason)))


@click.command(REVOKED, epilog=options.example("del users revoked --name carl@desk"))
@options.name_of("user")
@options.on_project
def _readmission(chosen: ManagedProject, *, name: str | None) -> None:
    """Answer the calls of a revoked user of PROJECT again; the tokens stay revoked."""
    name = ask(name, "user name")
    _change(chosen, chosen.in_changes(lambda changes: changes.readmit(name)))


def _change(chosen: ManagedProject, version: int) -> None:
    """Report a change of this server that may be an update for the others, and notify these."""
    report(f"Done, in project {chosen.name} on this server.")
    if version:
        chosen.tell_slaves()


@click.command(REVOKED, epilog=options.example("list users revoked"))
@options.FORMAT
@options.on_project
def _revocations(chosen: ManagedProject, *, form: str) -> None:
    """List the users of PROJECT whose calls this server refuses."""
    rows = [vars(one) for one in chosen.run(revoked_users.listed)]
    columns = ("user_name", "revoked", "revoked_by", "reason")
    click.echo(output.shown(form, f"users_{REVOKED}", columns, rows))
