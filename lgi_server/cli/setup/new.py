"""LGI_setup DIRECTORY: make a project server: configuration, database, repository, first entries."""

from pathlib import Path

import click

from lgi_server.cli.setup import configuration, journal, options, project_server


@click.command(
    epilog="\b\nExample:\n  LGI_setup server --url https://lgi.example.org/LGI --certificates certificates"
)
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
    "--certificates",
    default=Path("certificates"),
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Directory of LGI_certificates: ca.crt, HOST.crt, HOST.key and SERVER-NAME.crt are taken from it.",
)
def new(directory: Path, certificates: Path, **given: str | None) -> None:
    """Create DIRECTORY with a commented configuration, a database and a repository, and register the server.

    Existing files are not changed, and nothing is left of a set-up that fails.
    """
    asked = options.from_command_line(directory, certificates, given)
    options.check(asked)
    configuration.check_free(asked)
    with journal.unfinished(asked.directory, {}) as (made, _):
        config, is_new = project_server.make(asked, made)
    click.echo(f"Configuration : {config.path}")
    click.echo(f"Database      : {asked.database}{'' if is_new else ' (was there already, left as it is)'}")
    click.echo(f"Start it with : LGI_server {config.path}")
