"""The last change of rules or resources is taken back."""

import time

import click

from lgi_server.cli.manage_db import options
from lgi_server.cli.manage_db.answers import confirm, report
from lgi_server.cli.manage_db.project import ManagedProject
from lgi_server.services.project import administration, update_summary


@click.command(epilog=options.example("undo --yes"))
@options.YES
@options.on_project
def undo(chosen: ManagedProject, *, yes: bool) -> None:
    """Take back the last change of PROJECT that was recorded here and not taken back yet.

    It is shown first, and asked about at a terminal. Shares are not recorded.
    """
    found = chosen.run_on_master(administration.last_change)
    click.echo(f"Update {found.version} was : {update_summary.summarize(found.query)}")
    for statement in found.statements:
        click.echo(f"To take it back : {update_summary.summarize(statement)}")
    confirm(f"Take back update {found.version} ?", yes)
    now = int(time.time())
    made = chosen.run_on_master(lambda transaction: administration.undo(transaction, found.version, now))
    versions = ", ".join(map(str, made))
    report(f"Update {found.version} was taken back, as update {versions} of project {chosen.name}.")
    chosen.tell_slaves()
