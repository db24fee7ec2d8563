"""The command that lists the changes of administrators."""

import click

from lgi_server.cli.manage_db import options, output
from lgi_server.cli.manage_db.project import ManagedProject
from lgi_server.tables import administration_log

COLUMNS = ("entry_id", "changed_at", "changed_by", "means", "description", "version")


@click.command("log", epilog=options.example("list log --number 20"))
@click.option("--number", default=50, show_default=True, type=click.IntRange(1, 10_000), help="How many.")
@options.FORMAT
@options.on_project
def show(chosen: ManagedProject, *, number: int, form: str) -> None:
    """List the last changes of PROJECT that were made on this server, by ManageDB or over HTTP."""
    found = chosen.run(lambda transaction: administration_log.before(transaction, 0, number))
    click.echo(output.shown(form, "log", COLUMNS, [vars(one) for one in found]))
