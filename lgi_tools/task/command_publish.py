"""LGI_task publish."""

from pathlib import Path

import click

from lgi_protocol import comma_lists
from lgi_tools.cli import options, terminal
from lgi_tools.client.text import one_line
from lgi_tools.task.command_options import NAME, settled


@click.command(no_args_is_help=True)
@click.option(
    "-t",
    "--target",
    "targets",
    default="",
    metavar="RESOURCES",
    help="Resources that are to have it, separated by commas (default: all that take images).",
)
@options.project_options
@click.argument("name", metavar="NAME:VERSION")
@click.argument("file", type=click.Path(path_type=Path))
def publish(targets: str, name: str, file: Path, **given: object) -> int:
    """Send the image in FILE to the resources that take images of you, as NAME:VERSION.

    FILE is an archive of tar with the file system of the image, as podman export writes it, or a .sif file of
    apptainer. Prints the job that stores it on each resource, which verifies the digest; LGI_wait waits for
    them. A version is published once: other contents need another version.

    Example: LGI_task publish theor/psi4:1.5 psi4.tar
    """
    from lgi_tools.client.project import Project
    from lgi_tools.task import publication

    try:
        image = publication.pinned(name, file)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    with settled(given) as chosen, Project.of(chosen) as project:
        try:
            resources = publication.takers(project.resources(), comma_lists.split(targets))
        except ValueError as error:
            raise click.ClickException(str(error)) from None
        terminal.warn(NAME, f"the image is {image}")
        for one in publication.publish(project, image, file, resources):
            if one.job_id:
                terminal.show(f"{one.job_id} {one_line(one.resource)}\n")
            else:
                terminal.warn(NAME, f"{one.resource} has it already")
    return 0
