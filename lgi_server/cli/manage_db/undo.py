"""The command that reverts the last change of rules or resources."""

import click

from lgi_server.cli.manage_db import options
from lgi_server.cli.manage_db.answers import confirm, report
from lgi_server.cli.manage_db.project import ManagedProject
from lgi_server.services.project import administration, update_summary


@click.command(epilog=options.example("undo --yes"))
@options.YES
@options.on_project
def undo(chosen: ManagedProject, *, yes: bool) -> None:
    """Revert the last recorded change of PROJECT on this server that is not reverted yet.

    The change is shown; on a terminal the command asks for confirmation. Shares are not recorded.
    """
    found = chosen.run_on_master(administration.last_change)
    click.echo(f"Update {found.version} was : {update_summary.summarize(found.query)}")
    for statement in found.statements:
        click.echo(f"To take it back : {update_summary.summarize(statement)}")
    confirm(f"Take back update {found.version} ?", yes)
    made = chosen.in_changes(lambda changes: changes.undo(found.version))
    versions = ", ".join(map(str, made))
    report(f"Update {found.version} was taken back, as update {versions} of project {chosen.name}.")
    chosen.tell_slaves()
