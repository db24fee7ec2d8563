"""The licences of a project, which its configuration has."""

import click

from lgi_server.cli.manage_db import options, output
from lgi_server.cli.manage_db.project import ManagedProject


@click.command("licences", epilog=options.example("list licences"))
@options.FORMAT
@options.on_project
def show(chosen: ManagedProject, *, form: str) -> None:
    """List the licences of PROJECT: how many there are, and how many jobs have now.

    They are set in the configuration, in [licences].
    """
    rows = chosen.run(lambda transaction: output.stock(transaction, chosen.project))
    click.echo(output.shown(form, "licences", output.LICENCE, rows))
