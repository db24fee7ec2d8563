"""The command that lists the licences of a project; they are set in the configuration."""

import click

from lgi_server.cli.manage_db import options, output
from lgi_server.cli.manage_db.project import ManagedProject


@click.command("licences", epilog=options.example("list licences"))
@options.FORMAT
@options.on_project
def show(chosen: ManagedProject, *, form: str) -> None:
    """List the licences of PROJECT: the number of each, and how many are in use.

    They are set in the configuration, in [licences].
    """
    rows = chosen.run(lambda transaction: output.stock(transaction, chosen.project))
    click.echo(output.shown(form, "licences", output.LICENCE, rows))
