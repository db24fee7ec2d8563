"""LGI_setup restore: a project server from a backup, in a new directory."""

import os
import time
from pathlib import Path

import click

from lgi_server.config.values import database as check_address
from lgi_server.services.backup import restoration
from lgi_server.services.backup.manifest import Manifest
from lgi_server.services.backup.restoration import Plan


def _databases(
    _context: click.Context, _parameter: click.Parameter, given: tuple[str, ...]
) -> dict[str, str]:
    """Return the addresses of ``PROJECT=ADDRESS``."""
    found = {}
    for one in given:
        project, _, address = one.partition("=")
        try:
            found[project] = check_address(address)
        except ValueError as error:
            raise click.BadParameter(f"{error}; write PROJECT=ADDRESS") from None
    return found


@click.command(epilog="\b\nExample:\n  LGI_setup restore /backups/LGI.tar --into server")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--into",
    "directory",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="The new directory of the server: configuration, keys, SQLite databases, repositories.",
)
@click.option(
    "--database",
    "databases",
    metavar="PROJECT=ADDRESS",
    multiple=True,
    callback=_databases,
    help="An empty database of either kind. [default: SQLite in the new directory, MariaDB as before]",
)
@click.option(
    "--repository",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Use the repositories that are there, not those in FILE.",
)
@click.option(
    "--gap",
    default=10_000,
    show_default=True,
    type=click.IntRange(0, 10_000_000),
    help="How many numbers of jobs are left out: more than were given since the backup.",
)
@click.option(
    "--quiet",
    default=900,
    show_default=True,
    type=click.IntRange(0, 86_400),
    help="For so many seconds after the start the queued jobs are only for the daemons that have them.",
)
@click.option("--check", "only_check", is_flag=True, help="Only check FILE, and say what is in it.")
def restore(
    *,
    file: Path,
    directory: Path,
    databases: dict[str, str],
    repository: Path | None,
    gap: int,
    quiet: int,
    only_check: bool,
) -> None:
    """Make a project server from FILE, which LGI_setup backup has written.

    Stop the former servers of the project first, for good. FILE is checked before anything is written, and
    nothing that exists is changed. Run a restore again that was interrupted: it starts again.
    """
    place = repository.absolute() if repository else None
    plan = Plan(file, directory.absolute(), databases, place, gap, quiet)
    manifest = restoration.check(plan)
    _describe(file, manifest)
    if only_check:
        return
    if restoration.restore(plan, manifest, int(time.time())):
        click.echo("An earlier restore was interrupted here: it was started again, and is complete now.")
    _advise(plan, manifest)


def _describe(file: Path, manifest: Manifest) -> None:
    made = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(manifest.made))
    click.echo(f"{file}: made on {made} on {manifest.host} by release {manifest.release}, undamaged")
    for name, project in manifest.projects.items():
        jobs = project.rows.get("job_queue", 0) - len(project.deleted)
        last = project.numbers.get("job_queue", 0)
        click.echo(f"Project {name}: {jobs} jobs, the last number given is {last}")
    if not manifest.with_authority:
        click.echo("Not in it: the key of the authority")
    if not manifest.with_repositories:
        click.echo("Not in it: the repositories")


def _advise(plan: Plan, manifest: Manifest) -> None:
    for name, project in manifest.projects.items():
        first = project.numbers.get("job_queue", 0) + plan.gap + 1
        click.echo(f"Project {name}: new jobs are numbered from {first}")
    if os.geteuid() == 0:
        click.echo(f"Give it to the server's user: chown -R USER: {plan.directory}")
    click.echo(f"Start it with : LGI_server {plan.directory / restoration.CONFIGURATION}")
    click.echo(f"For {plan.quiet} s after that its queued jobs are only for the daemons that have them.")
