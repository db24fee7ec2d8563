"""LGI_setup takeover: the project of an LGI 1.31 server goes on here."""

import time
from functools import partial
from pathlib import Path

import click

from lgi_server.config.database import without_password
from lgi_server.config.model import Config, ProjectConfig
from lgi_server.config.parser import load
from lgi_server.db import open_database, schema, snapshot
from lgi_server.db.explanation import explained
from lgi_server.services.takeover import old_project, storing
from lgi_server.services.takeover.old_project import MOST_NAMED, OldProject
from lgi_server.storage import repository
from lgi_server.tables import lgi_tables


@click.command(
    epilog="\b\nExample:\n  LGI_setup takeover --dry-run server/LGI_server.cfg mariadb://lgi@localhost/LGI"
)
@click.argument("configuration", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("source", metavar="mariadb://USER@HOST/DATABASE")
@click.option("--project", help="The new project in CONFIGURATION. [default: its default project]")
@click.option("--dry-run", is_flag=True, help="Only show what is there.")
@click.option("--leave-out", is_flag=True, help="Leave out what cannot be read, instead of refusing all.")
def takeover(configuration: Path, source: str, project: str | None, dry_run: bool, leave_out: bool) -> None:
    """Take jobs, users, groups, resources and updates of an LGI 1.31 database over into a new project.

    CONFIGURATION is that of LGI_setup, with LGI's authority, address and server name. Stop LGI's web server
    first. The database of LGI is only read. Running jobs go on, and their daemons report them here.
    """
    config = load(configuration)
    one = _project(config, project)
    if not source.startswith("mariadb://"):
        raise ValueError(f"{without_password(source)}: LGI has MariaDB, write mariadb://USER@HOST/DATABASE")
    schema.check(one.name, one.database)
    database = open_database(one.database)
    try:
        with explained(one.database):
            database.run(partial(storing.check_target, project=one.name), write=False)
        with snapshot.opened(source) as old:
            found = old_project.read(old)
            for line in _described(config, found):
                click.echo(line)
            storing.check_server(found, one.server_name)
            _refuse(found, leave_out)
            if dry_run:
                click.echo("Nothing was changed.")
                return
            with explained(one.database):
                storing.store(database, old, found, one, int(time.time()))
    finally:
        database.close()
    click.echo(f"Project {one.name} has all of it. Start it with: LGI_server {config.path}")


def _project(config: Config, name: str | None) -> ProjectConfig:
    chosen = name or config.default_project
    if chosen not in config.projects:
        raise ValueError(f"there is no project {chosen} in {config.path}, but {', '.join(config.projects)}")
    return config.projects[chosen]


def _refuse(found: OldProject, leave_out: bool) -> None:
    """Raise ValueError for what cannot be read, unless that may be left out."""
    if found.problems and not leave_out:
        named = "\n  ".join(found.problems[:MOST_NAMED])
        more = f"\n  and {len(found.problems) - MOST_NAMED} more" if len(found.problems) > MOST_NAMED else ""
        raise ValueError(
            f"{len(found.problems)} rows cannot be read, nothing was changed (--leave-out leaves them out):"
            f"\n  {named}{more}"
        )


def _described(config: Config, found: OldProject) -> list[str]:
    by_state = ", ".join(f"{number} {state}" for state, number in sorted(found.jobs.items()))
    rules = ", ".join(f"{len(found.rules[table])} {table}" for table in lgi_tables.RULES)
    present = sum(
        (config.repository / repository.relative_path(name)).is_dir() for name in found.repositories
    )
    lines = [
        f"Jobs          : {found.jobs.total()}{f' ({by_state})' if by_state else ''}",
        f"Resources     : {len(found.resources) - len(found.servers)}",
        f"Servers       : {', '.join(found.servers) or 'none'}",
        f"Rules         : {rules}",
        f"Updates       : {len(found.updates)}",
        f"Repositories  : {len(found.repositories)}, of which {present} are in {config.repository}",
    ]
    if found.unread_updates:
        lines.append(
            f"{found.unread_updates} updates are not among the changes that servers of this version make:"
            " they stay stored, and new slaves refuse them unless unrestricted_updates is true"
        )
    if found.problems:
        lines.append(f"Unreadable    : {len(found.problems)} rows, {found.unread_jobs} of them jobs")
    return lines
