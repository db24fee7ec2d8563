"""LGI_setup upgrade: the tables of a server's projects become those of this version."""

import time
from pathlib import Path

import click

from lgi_server.config.database import SQLiteAddress, parse_address
from lgi_server.config.model import Config
from lgi_server.config.parser import load
from lgi_server.db import backup, open_database, schema_check, schema_files, upgrades
from lgi_server.db.pool import Database


@click.command(epilog="\b\nExample:\n  LGI_setup upgrade --dry-run server/LGI_server.cfg")
@click.argument("configuration", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Only show what would be done.")
@click.option("--no-backup", is_flag=True, help="Make no copy of the database first.")
def upgrade(configuration: Path, dry_run: bool, no_backup: bool) -> None:
    """Bring the databases of CONFIGURATION to the version of this program.

    Stop the project servers and their schedulers first. Each database is copied before it is changed, to a
    file beside that of SQLite, or beside CONFIGURATION for MariaDB. Run an upgrade again that was
    interrupted.
    """
    config = load(configuration)
    for project in config.projects.values():
        database = open_database(project.database)
        try:
            _upgrade(config, project.name, database, dry_run, not no_backup)
        finally:
            database.close()


def _upgrade(config: Config, project: str, database: Database, dry_run: bool, with_backup: bool) -> None:
    """Upgrade one database; ValueError for one that this program cannot upgrade, OSError for a file."""
    version = upgrades.version_of(database)
    if version == 0:
        raise ValueError(f"the database of project {project} has no tables: LGI_setup DIRECTORY makes them")
    if version > upgrades.latest():
        raise ValueError(
            f"the database of project {project} is of version {version}, newer than this program's"
            f" {upgrades.latest()}: use the programs of the newer release"
        )
    steps = upgrades.missing_steps(version)
    if not steps:
        click.echo(f"{project}: version {version} already, nothing to do")
        return
    missing = ", ".join(f"{step.version} ({step.title})" for step in steps)
    click.echo(f"{project}: version {version}, missing {missing}")
    if dry_run:
        return
    if with_backup:
        target = _backup_file(config, project, version)
        backup.save(config.projects[project].database, target)
        click.echo(f"{project}: the former database is in {target}")
    for step in steps:
        upgrades.apply(database, step)
        click.echo(f"{project}: version {step.version}")
    if differences := schema_check.differences(database, schema_files.text()):
        raise ValueError(f"the database of project {project} still differs: {'; '.join(differences)}")


def _backup_file(config: Config, project: str, version: int) -> Path:
    """Return the name of the copy of a database before it is upgraded."""
    moment = time.strftime("%Y%m%d-%H%M%S")
    place = parse_address(config.projects[project].database)
    if isinstance(place, SQLiteAddress):
        return place.path.with_name(f"{place.path.name}.version-{version}.{moment}")
    return config.path.parent / f"{project}.version-{version}.{moment}.sql"
