"""LGI_setup: make a project server's directory: configuration, database, repository, first entries."""

import sys
from pathlib import Path

import click

from lgi_protocol.errors import LGIError
from lgi_server.cli.setup import configuration, conversion, database, options
from lgi_server.config.source import ConfigError
from lgi_server.db.errors import cause_text
from lgi_server.services.project.recorded_changes import AdministrationError

_FAULTS = (AdministrationError, ConfigError, LGIError, OSError, ValueError)


def _convert(context: click.Context, _option: click.Parameter, file: Path | None) -> None:
    """Do what --convert says instead of a set-up."""
    if file is None or context.resilient_parsing:
        return
    try:
        former = conversion.convert(file)
    except _FAULTS as error:
        click.echo(f"LGI_setup: {error}", err=True)
        context.exit(1)
    click.echo(f"{file} has sections{f' now; the former text is in {former}' if former else ' already'}")
    context.exit()


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path))
@click.option("--url", required=True, help="The server's address, as https://lgi.example.org/LGI.")
@click.option(
    "--listen",
    help="Address and port to listen on. [default: all, for localhost its own; the port of the URL]",
)
@click.option("--project", default="LGI", show_default=True, help="The first project's name.")
@click.option("--database", help="sqlite:FILE or mariadb://... [default: sqlite:PROJECT.sqlite]")
@click.option("--master", help="Make a slave of the master server with this address.")
@click.option(
    "--data",
    type=click.Path(file_okay=False),
    help="Where the embedded database, the repository and the authority of jobs are. [default: DIRECTORY]",
)
@click.option("--server-name", help="This server's name. [default: LGI@ and the host of the URL]")
@click.option(
    "--convert",
    metavar="FILE",
    is_eager=True,
    expose_value=False,
    callback=_convert,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Only give an older configuration sections; its former text is kept in FILE.former.",
)
@click.option(
    "--certificates",
    default=Path("certificates"),
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Directory of LGI_certificates: ca.crt, HOST.crt, HOST.key and SERVER-NAME.crt are taken from it.",
)
def main(directory: Path, certificates: Path, **given: str | None) -> None:
    """Make DIRECTORY with a commented configuration, a database and a repository, and register the server.

    Nothing that is there already is changed.
    """
    try:
        asked = options.from_command_line(directory, certificates, given)
        options.check(asked)
        config = configuration.write(asked)
        is_new = database.fill(asked, config)
    except _FAULTS as error:
        click.echo(f"LGI_setup: {error}{cause_text(error)}", err=True)
        sys.exit(1)
    click.echo(f"Configuration : {config.path}")
    click.echo(f"Database      : {asked.database}{'' if is_new else ' (was there already, left as it is)'}")
    click.echo(f"Start it with : LGI_server {config.path}")
