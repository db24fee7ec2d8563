"""LGI_setup upgrade: the tables of a server's projects become those of this version."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from lgi_server.cli.setup import journal
from lgi_server.cli.setup.journal import Journal
from lgi_server.config.database import SQLiteAddress, parse_address
from lgi_server.config.model import Config, ProjectConfig
from lgi_server.config.parser import load
from lgi_server.db import backup, open_database, schema_check, schema_files, upgrades
from lgi_server.db.explanation import explained
from lgi_server.db.pool import Database
from lgi_server.db.upgrades import Step


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
    if dry_run:
        for project in config.projects.values():
            with _opened(project) as database:
                _missing(project.name, database)
        return
    # One at a time; a copy that was not finished is removed by the next one.
    with journal.unfinished(configuration.absolute().parent, {}) as (made, _):
        for project in config.projects.values():
            with _opened(project) as database, explained(project.database):
                _upgrade(config, project.name, database, None if no_backup else made)


@contextmanager
def _opened(project: ProjectConfig) -> Iterator[Database]:
    database = open_database(project.database)
    try:
        yield database
    finally:
        database.close()


def _missing(project: str, database: Database) -> tuple[int, list[Step]]:
    """Show and return the version and the missing steps; ValueError for what cannot be upgraded."""
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
        return version, steps
    missing = ", ".join(f"{step.version} ({step.title})" for step in steps)
    click.echo(f"{project}: version {version}, missing {missing}")
    return version, steps


def _upgrade(config: Config, project: str, database: Database, copies: Journal | None) -> None:
    """Upgrade one database; ``copies`` lists the copy of it while it is made, None for no copy.

    Raises ValueError for a database that this program cannot upgrade, OSError for a file.
    """
    version, steps = _missing(project, database)
    if steps and copies:
        target = _backup_file(config, project, version)
        copies.note_paths(target)
        backup.save(config.projects[project].database, target)
        copies.forget()
        click.echo(f"{project}: the former database is in {target}")
    for step in steps:
        upgrades.apply(database, step)
        click.echo(f"{project}: version {step.version}")
    if steps and (differences := schema_check.differences(database, schema_files.text())):
        raise ValueError(f"the database of project {project} still differs: {'; '.join(differences)}")


def _backup_file(config: Config, project: str, version: int) -> Path:
    """Return the name of the copy of a database before it is upgraded."""
    moment = time.strftime("%Y%m%d-%H%M%S")
    place = parse_address(config.projects[project].database)
    if isinstance(place, SQLiteAddress):
        return place.path.with_name(f"{place.path.name}.version-{version}.{moment}")
    return config.path.parent / f"{project}.version-{version}.{moment}.sql"
