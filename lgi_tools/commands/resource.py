"""LGI_resource: show one resource of the project, what it offers, and what it does for the user."""

import time
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING

import click

from lgi_tools.cli import completion, options, output_json, program, terminal
from lgi_tools.cli.session import open_project

if TYPE_CHECKING:
    # Slow to load: functions that need them import them.
    from lgi_tools.client.job import Job
    from lgi_tools.client.resource import Resource

NAME = "LGI_resource"
# Jobs that are counted and named; seconds that failures are looked back for.
MOST, DAY = 1000, 86400


@click.command(context_settings=options.CONTEXT, no_args_is_help=True)
@output_json.option
@options.project_options
@options.version
@click.argument("name", shell_complete=completion.complete_resources)
@output_json.json_errors
def command(name: str, as_json: bool, **given: object) -> int:
    """Show the resource NAME: state, machine, load, applications with their limits, and your jobs there.

    NAME is the whole name, or the part before @ if no other resource has it. The failures are those of the
    last day, of jobs that you may read.

    Example: LGI_resource desktop@example.org
    """
    from lgi_tools.commands import resource_view

    with open_project(given, NAME) as project:
        found = named(project.resources(), name)
        now = int(time.time())
        running = _first(project.jobs(state="running", resource=found.name, owner=project.user))
        failed = _first(project.jobs(ended="failed", resource=found.name, since=now - DAY))
        view = resource_view.ResourceView(found, running, failed, now)
        if as_json:
            output_json.show(view.values())
        else:
            terminal.show("".join(f"{line}\n" for line in view.lines()))
    return 0


def named(resources: "Sequence[Resource]", name: str) -> "Resource":
    """Return the resource of a name, or of its part before @. Raises ClickException."""
    found = [one for one in resources if one.name == name]
    found = found or [one for one in resources if one.name.partition("@")[0] == name]
    if len(found) == 1:
        return found[0]
    shown = ", ".join(sorted(terminal.value(one.name) for one in found or resources)[:20])
    if found:
        raise click.ClickException(f"several resources are called {name}: give one of {shown}")
    raise click.ClickException(f"the project has no resource {name}: it has {shown or 'none'}")


def _first(jobs: "Iterator[Job]") -> "tuple[Job, ...]":
    return tuple(islice(jobs, MOST))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run LGI_resource and return its exit code: 0 when the project has the resource."""
    return program.run(command, NAME, arguments)
