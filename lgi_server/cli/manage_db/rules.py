"""The rules of a project: which users and groups may submit which applications."""

from collections.abc import Mapping, Sequence

import click

from lgi_server.cli.manage_db import options, output
from lgi_server.cli.manage_db.answers import ask, ask_number, confirm
from lgi_server.cli.manage_db.project import ManagedProject

ALLOWED, DENIED = "allowed", "denied"


def commands(kind: str) -> Mapping[str, Sequence[click.Command]]:
    """Return the commands for the rules of users or groups (``kind`` "user" or "group") by action."""
    return {
        "list": [_listing(kind, ALLOWED), _listing(kind, DENIED)],
        "add": [_allowance(kind), _denial(kind)],
        "del": [_removal(kind, ALLOWED), _removal(kind, DENIED)],
    }


def _allowance(kind: str) -> click.Command:
    @click.command(
        ALLOWED,
        help=f"Allow a {kind}, or any, to submit jobs of an application in PROJECT, or change the limit.",
        epilog=options.example(
            f"add {kind}s allowed --name carl@desk --application any --limit 10 --servers any"
        ),
    )
    @options.name_of(kind)
    @options.APPLICATION
    @click.option(
        "--limit",
        show_default=options.ASKED,
        help="0: no limit; N: N jobs in any state; -N: N queued and running ones.",
    )
    @options.SERVERS
    @options.on_project
    def allow(
        chosen: ManagedProject,
        *,
        name: str | None,
        application: str | None,
        limit: str | None,
        servers: str | None,
    ) -> None:
        name, application = ask(name, f"{kind} name"), ask(application, "application")
        number, servers = ask_number(limit, "job limit"), ask(servers, "servers to update")
        chosen.change(lambda changes: changes.allow(kind, name, application, number, servers=servers))

    return allow


def _denial(kind: str) -> click.Command:
    @click.command(
        DENIED,
        help=f"Deny a {kind}, or any, an application in PROJECT, whatever else is allowed.",
        epilog=options.example(f"add {kind}s denied --name carl@desk --application vasp --servers any"),
    )
    @options.name_of(kind)
    @options.APPLICATION
    @options.SERVERS
    @options.on_project
    def deny(
        chosen: ManagedProject, *, name: str | None, application: str | None, servers: str | None
    ) -> None:
        name, application = ask(name, f"{kind} name"), ask(application, "application")
        servers = ask(servers, "servers to update")
        chosen.change(lambda changes: changes.deny(kind, name, application, servers=servers))

    return deny


def _removal(kind: str, rule: str) -> click.Command:
    @click.command(
        rule,
        help=f"Delete what is {rule} in PROJECT for a {kind}, of an application, or for both together."
        " An empty name or application stands for all.",
        epilog=options.example(f"del {kind}s {rule} --name carl@desk --application vasp --servers any"),
    )
    @options.name_of(kind)
    @options.APPLICATION
    @options.SERVERS
    @options.YES
    @options.on_project
    def remove(
        chosen: ManagedProject,
        *,
        name: str | None,
        application: str | None,
        servers: str | None,
        yes: bool,
    ) -> None:
        name = ask(name, f"{kind} name", required=False)
        application = ask(application, "application", required=False)
        servers = ask(servers, "servers to update")
        if bool(name) != bool(application):
            confirm(f"Delete every {rule} rule of {name or application} ?", yes)
        chosen.change(lambda changes: changes.remove_rule(kind, rule, name, application, servers=servers))

    return remove


def _listing(kind: str, rule: str) -> click.Command:
    columns = (f"{kind}_name", "application", *(["job_limit"] if rule == ALLOWED else []))

    @click.command(
        rule,
        help=f"List what is {rule} for {kind}s in PROJECT.",
        epilog=options.example(f"list {kind}s {rule} --format json"),
    )
    @options.FORMAT
    @options.on_project
    def show(chosen: ManagedProject, *, form: str) -> None:
        rows = chosen.run(lambda transaction: output.rules(transaction, kind, rule))
        click.echo(output.shown(form, f"{kind}s_{rule}", columns, rows))

    return show
