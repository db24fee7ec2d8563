"""The rights of groups to have urgent jobs, which are given out before all others."""

from collections.abc import Mapping, Sequence

import click

from lgi_server.cli.manage_db import options, output
from lgi_server.cli.manage_db.answers import ask, ask_number
from lgi_server.cli.manage_db.project import ManagedProject
from lgi_server.services.project import urgent_rights

URGENT = "urgent"


def commands() -> Mapping[str, Sequence[click.Command]]:
    """Return the commands for the rights of groups to urgent jobs, by action."""
    return {"list": [_listing], "add": [_allowance], "del": [_removal]}


@click.command(URGENT, epilog=options.example("add groups urgent --name theor --limit 2 --servers any"))
@options.name_of("group")
@click.option("--limit", show_default=options.ASKED, help="Urgent jobs that have not ended: 1 or more.")
@options.SERVERS
@options.on_project
def _allowance(chosen: ManagedProject, *, name: str | None, limit: str | None, servers: str | None) -> None:
    """Let a group have so many urgent jobs at once in PROJECT, or change the number.

    Resources get them before all other jobs.
    """
    name, number = ask(name, "group name"), ask_number(limit, "job limit")
    servers = ask(servers, "servers to update")
    chosen.change(lambda changes: changes.allow_urgent(name, number, servers=servers))


@click.command(URGENT, epilog=options.example("del groups urgent --name theor --servers any"))
@options.name_of("group")
@options.SERVERS
@options.on_project
def _removal(chosen: ManagedProject, *, name: str | None, servers: str | None) -> None:
    """Let a group have no more urgent jobs in PROJECT; those that it has stay urgent."""
    name, servers = ask(name, "group name"), ask(servers, "servers to update")
    chosen.change(lambda changes: changes.remove_urgent(name, servers=servers))


@click.command(URGENT, epilog=options.example("list groups urgent --format json"))
@options.FORMAT
@options.on_project
def _listing(chosen: ManagedProject, *, form: str) -> None:
    """List the groups that may have urgent jobs in PROJECT: how many at once, and how many they have."""
    rows = chosen.run(urgent_rights.listed)
    click.echo(output.shown(form, "groups_urgent", ("group_name", "job_limit", "used"), rows))
