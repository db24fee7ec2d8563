"""LGI_setup backup: everything of a project server in one file, while it runs."""

import time
from pathlib import Path

import click

from lgi_server.config.model import Config
from lgi_server.config.parser import load
from lgi_server.db import schema
from lgi_server.services.backup import creation
from lgi_server.services.backup.creation import Summary


@click.command(epilog="\b\nExample:\n  LGI_setup backup server/LGI_server.cfg /backups/LGI.tar")
@click.argument("configuration", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--no-repositories", is_flag=True, help="Leave out the files of the jobs.")
def backup(configuration: Path, file: Path, no_repositories: bool) -> None:
    """Write database, configuration, certificates, keys and repositories of CONFIGURATION to FILE.

    The server may run meanwhile. FILE is a tar archive that only its owner can read: it contains private
    keys. It appears when it is complete and was read back.
    """
    config = load(configuration)
    for project in config.projects.values():
        schema.check(project.name, project.database)
    begun = time.monotonic()
    summary = creation.make(config, file.absolute(), not no_repositories)
    for line in _described(config, summary):
        click.echo(line)
    click.echo(f"{file}: {summary.size} bytes, verified, in {time.monotonic() - begun:.0f} s")


def _described(config: Config, summary: Summary) -> list[str]:
    """Return what the backup contains and what it does not, a line each."""
    made = summary.manifest
    lines = [
        f"Project {name}: {project.rows['job_queue'] - len(project.deleted)} jobs"
        for name, project in made.projects.items()
    ]
    if not made.with_authority:
        lines.append(
            f"Not in it: the key of the authority, which is not beside {config.ca_certificate}: back it up"
            " where it is"
        )
    if config.remote:
        lines.append(f"Not in it: the repositories, which are on {config.remote.address}: back them up there")
    elif config.object_store:
        place = f"{config.object_store.url}/{config.object_store.bucket}"
        lines.append(f"Not in it: the repositories, which are in {place}: back them up there")
    elif not made.with_repositories:
        lines.append("Not in it: the repositories")
    for name, job_ids in summary.missing.items():
        if job_ids:
            shown = ", ".join(map(str, job_ids[:10]))
            lines.append(f"Project {name}: {len(job_ids)} jobs have no repository on the disk: {shown}")
    return lines
