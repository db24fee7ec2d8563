"""The resources and project servers of a project."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from lgi_server.cli.manage_db import options, output
from lgi_server.cli.manage_db.answers import ask, ask_number, report
from lgi_server.cli.manage_db.project import ManagedProject
from lgi_server.services.project import registration
from lgi_server.services.project.recorded_changes import AdministrationError
from lgi_server.services.project.registration import NewResource

KIND = "resource"


def commands() -> Mapping[str, Sequence[click.Command]]:
    """Return the commands for resources by action."""
    # As LGI: the wording of the refusals.
    refused = (
        _refusal("denied", "No resources can be denied !"),
        _refusal("share", "Resources have no share !"),
    )
    no_list = _refusal("denied", "No resources are denied !")
    return {"list": [show, no_list, refused[1]], "add": [add, *refused], "del": [remove, *refused]}


@click.command(
    "allowed",
    epilog=options.example(
        "add resources allowed --name laptop@example.org --url laptop@example.org \\",
        "      --certificate laptop@example.org.crt --project-server 0 --servers any",
    ),
)
@options.name_of(KIND)
@click.option(
    "--url", show_default=options.ASKED, help="Where the resource is, as user@host; URL of a server."
)
@click.option("--certificate", show_default=options.ASKED, help="PEM file of the resource's certificate.")
@click.option(
    "--project-server",
    show_default=options.ASKED,
    help="0: resource, 1: master server, 2: slave server.",
)
@options.SERVERS
@options.on_project
def add(
    chosen: ManagedProject,
    *,
    name: str | None,
    url: str | None,
    certificate: str | None,
    project_server: str | None,
    servers: str | None,
) -> None:
    """Register a resource or project server with its certificate in PROJECT."""
    name, url = ask(name, "resource name"), ask(url, "resource url")
    pem = _pem(Path(ask(certificate, "certificate file")))
    new = NewResource(name, url, pem, ask_number(project_server, "project server flag"))
    servers = ask(servers, "servers to update")
    chosen.change(lambda changes: changes.add_resource(new, servers=servers))
    if others := registration.excluded_projects(new, chosen.name):
        options_for_all = " ".join(f"--project {one}" for one in (*others, chosen.name))
        report(
            f"Warning: the certificate is for {', '.join(others)}, not for {chosen.name}, whose server will"
            f" refuse it. Make one for all: LGI_certificates resource {name} --force {options_for_all}"
        )


def _pem(path: Path) -> str:
    try:
        return path.read_text("ascii")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no PEM file"
        raise AdministrationError(f"cannot read the certificate file {path}: {reason}") from None


@click.command(
    "allowed", epilog=options.example("del resources allowed --name laptop@example.org --servers any")
)
@options.name_of(KIND)
@options.SERVERS
@options.on_project
def remove(chosen: ManagedProject, *, name: str | None, servers: str | None) -> None:
    """Remove a resource from PROJECT; its running jobs are queued again."""
    name, servers = ask(name, "resource name"), ask(servers, "servers to update")
    chosen.change(lambda changes: changes.remove_resource(name, servers=servers))


@click.command("allowed", epilog=options.example("list resources allowed --format json"))
@options.FORMAT
@options.on_project
def show(chosen: ManagedProject, *, form: str) -> None:
    """List the resources and project servers of PROJECT, with the time of their last call."""
    rows = chosen.run(output.resources)
    click.echo(output.shown(form, "resources_allowed", output.RESOURCE, rows))


def _refusal(rule: str, why: str) -> click.Command:
    """Return a command that only prints a refusal of LGI."""

    @click.command(rule, hidden=True, help=why, context_settings={"ignore_unknown_options": True})
    @click.argument("words", nargs=-1, type=click.UNPROCESSED)
    def refuse(words: Sequence[str]) -> None:
        raise AdministrationError(why)

    return refuse
