"""LGI_setup project add|remove: a further project of a server that exists, or one project less."""

import os
from dataclasses import replace
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import click

from lgi_protocol import xml
from lgi_server.cli.setup import database, grid_database, journal, options
from lgi_server.cli.setup.grid_steps import RULES
from lgi_server.cli.setup.journal import Journal
from lgi_server.cli.setup.options import SetupOptions
from lgi_server.cli.setup.sections import with_project, without_project
from lgi_server.config import parser
from lgi_server.config.database import SQLiteAddress, parse_address, without_password
from lgi_server.config.model import Config
from lgi_server.db import open_database
from lgi_server.db.explanation import explained
from lgi_server.services.project import bootstrap
from lgi_server.services.project.recorded_changes import AdministrationError
from lgi_server.tables import statistics

_CONFIGURATION = click.argument(
    "configuration",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    envvar="LGI_SERVER_CONFIG",
    default=Path("server/LGI_server.cfg"),
)


@click.group()
def project() -> None:
    """Add a project to a server, or remove one."""


@project.command(epilog="\b\nExample:\n  LGI_setup project add Theory server/LGI_server.cfg")
@click.argument("name")
@_CONFIGURATION
@click.option("--database", "address", help="sqlite:FILE or mariadb://... [default: sqlite:NAME.sqlite]")
@click.option("--database-admin", help="Administrator of a MariaDB server, as of LGI_setup grid.")
@click.option("--master", help="Make this server a slave of the project's master with this address.")
def add(
    name: str, configuration: Path, address: str | None, database_admin: str | None, master: str | None
) -> None:
    """Add the project NAME to the server of CONFIGURATION: its section, database, master and first rules.

    On a slave --master fetches the project from its master, where this server is registered. Nothing is left
    of what fails. The server knows the project after a restart.
    """
    if not xml.is_name(name):
        raise AdministrationError(f"{name!r} cannot be the name of a project: letters, digits, '_.-'")
    with journal.unfinished(configuration.absolute().parent, grid_database.undo(database_admin)) as (made, _):
        config = parser.load(configuration)
        if name in config.projects:
            shown = without_password(config.projects[name].database)
            click.echo(f"{configuration} has the project {name} already, in {shown}: nothing was changed")
            return
        asked = _options(config, name, master)
        if asked.master:
            bootstrap.check(asked.master, asked.server_name, asked.url)
        where = grid_database.prepare(address, database_admin, name, asked.directory, made) or asked.database
        is_new = _add(config, replace(asked, database=where), made)
    click.echo(f"Project  : {name}")
    click.echo(f"Database : {without_password(where)}{'' if is_new else ' (was there already)'}")
    click.echo("Next     : restart LGI_server; certificates for it: LGI_certificates ... --project")


def _options(config: Config, name: str, master: str | None) -> SetupOptions:
    """Return the options of a project with what the server has already."""
    first = config.projects[config.default_project]
    place = parse_address(first.database)
    directory = place.path.parent if isinstance(place, SQLiteAddress) else config.path.parent
    certificates = config.ca_certificate.parent
    given = {
        "url": config.url,
        "listen": config.listen,
        "project": name,
        "database": f"sqlite:{directory / f'{name}.sqlite'}",
        "server_name": first.server_name,
        "master": master,
        "data": None,
    }
    asked = options.from_command_line(config.path.parent, certificates, given, RULES)
    if config.peer_certificate is None or config.peer_key is None:
        host = urlsplit(config.url).hostname
        raise AdministrationError(
            f"set peer_certificate and peer_key first: LGI_certificates resource LGI@{host}"
        )
    return replace(asked, peer_certificate=config.peer_certificate, peer_key=config.peer_key)


def _add(config: Config, asked: SetupOptions, made: Journal) -> bool:
    """Fill the database, then write the configuration that names it; return whether it was filled."""
    text = with_project(config.path.read_text("utf-8"), asked.project, asked.database, asked.server_name)
    draft = config.path.with_name(f"{config.path.name}.new")
    place = parse_address(asked.database)
    if isinstance(place, SQLiteAddress):
        file = config.path.parent / place.path
        made.note_paths(file, *(file.with_name(f"{file.name}{suffix}") for suffix in ("-wal", "-shm")))
    made.note_paths(draft)
    _write_as(draft, text, config.path)
    is_new = database.fill(asked, parser.load(draft))
    _give(config, asked)
    # From here on the database belongs to the project: no later set-up may remove it.
    made.forget()
    draft.replace(config.path)
    return is_new


def _give(config: Config, asked: SetupOptions) -> None:
    """Give the files of the database to the account that has the configuration."""
    place = parse_address(asked.database)
    if os.geteuid() == 0 and isinstance(place, SQLiteAddress):
        owner = config.path.stat()
        for suffix in ("", "-wal", "-shm"):
            file = place.path.with_name(f"{place.path.name}{suffix}")
            if (path := config.path.parent / file).exists():
                os.chown(path, owner.st_uid, owner.st_gid)


def _write_as(path: Path, text: str, model: Path) -> None:
    """Write a file with owner and mode of another one, on the disk before this returns."""
    status = model.stat()
    try:
        _write(path, text, status)
    except OSError as error:
        # The errors of a descriptor have no name.
        raise OSError(error.errno, error.strerror, str(path)) from None


def _write(path: Path, text: str, status: os.stat_result) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as opened:
        opened.write(text)
        opened.flush()
        os.fchmod(opened.fileno(), status.st_mode & 0o777)
        if os.geteuid() == 0:
            os.fchown(opened.fileno(), status.st_uid, status.st_gid)
        os.fsync(opened.fileno())


@project.command(epilog="\b\nExample:\n  LGI_setup project remove Theory server/LGI_server.cfg")
@click.argument("name")
@_CONFIGURATION
@click.option("--yes", is_flag=True, help="Do not ask.")
def remove(name: str, configuration: Path, yes: bool) -> None:
    """Remove the project NAME from the server of CONFIGURATION, which has others.

    Its database stays, and is named. The scheduler removes the files of its jobs after orphan_age, a day.
    """
    with journal.unfinished(configuration.absolute().parent, {}) as (made, _):
        config = parser.load(configuration)
        if name not in config.projects:
            click.echo(f"{configuration} has no project {name}, only {', '.join(config.projects)}")
            return
        _remove(config, name, yes, made)
    click.echo(f"Removed  : project {name}")
    click.echo(
        f"Database : {without_password(config.projects[name].database)} stays: make a copy, or remove it"
    )
    click.echo("Next     : restart LGI_server")


def _remove(config: Config, name: str, yes: bool, made: Journal) -> None:
    """Write the configuration without a project, which may be asked for before."""
    if name == config.default_project:
        why = "set default_project to another one first, or remove the server"
        raise AdministrationError(f"{name} is the default project of {config.path}: {why}")
    if not yes:
        jobs = _number_of_jobs(config.projects[name].database)
        click.confirm(
            f"{name} has {jobs} jobs, whose files are lost after a day. Remove it?", abort=True, err=True
        )
    draft = config.path.with_name(f"{config.path.name}.new")
    made.note_paths(draft)
    _write_as(draft, without_project(config.path.read_text("utf-8"), name), config.path)
    parser.load(draft)
    draft.replace(config.path)


def _number_of_jobs(address: str) -> int:
    opened = open_database(address)
    try:
        with explained(address):
            found = opened.run(partial(statistics.jobs), write=False)
            return sum(number for *_, number in found)
    finally:
        opened.close()
