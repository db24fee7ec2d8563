"""The commands that drain a resource, as before its maintenance; they are not replicated to other servers."""

from collections.abc import Callable

import click

from lgi_server.cli.manage_db import options
from lgi_server.cli.manage_db.answers import report
from lgi_server.cli.manage_db.project import ManagedProject
from lgi_server.services.access import principals
from lgi_server.services.administration.changes import Changes

KIND = "resource"


@click.group(name="drain")
def drain() -> None:
    """Give a resource no new jobs; those that it has go on."""


@click.group(name="resume")
def resume() -> None:
    """Give a drained resource jobs again."""


@drain.command(
    KIND, epilog=options.example("drain resource laptop@example.org --reason 'new disks, back at 17:00'")
)
@click.argument("name")
@click.option(
    "--reason", default="", show_default="none", metavar="TEXT", help="Shown to users, at most 254 bytes."
)
@options.on_project
def drain_resource(chosen: ManagedProject, *, name: str, reason: str) -> None:
    """Give the resource NAME no new jobs of PROJECT, on this server; those that it has go on.

    Lists show since when, and the reason. A resource that is drained already gets the new reason.
    """
    _change(chosen, lambda changes: changes.drain(name, reason))


@resume.command(KIND, epilog=options.example("resume resource laptop@example.org"))
@click.argument("name")
@options.on_project
def resume_resource(chosen: ManagedProject, *, name: str) -> None:
    """Give the drained resource NAME jobs of PROJECT again, on this server."""
    _change(chosen, lambda changes: changes.resume(name))


def _change(chosen: ManagedProject, change: Callable[[Changes], None]) -> None:
    """Make a change, and name the other servers of the project."""
    chosen.change_here(change)
    own = chosen.project.server_name
    found = chosen.run(principals.servers)
    if others := [one.resource_name for one in (found.master, *found.slaves) if one.resource_name != own]:
        report(f"The other servers of the project give out jobs as before: {', '.join(others)}.")
