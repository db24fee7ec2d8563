"""The weights of users and groups in the order of the queue; they are not replicated to other servers."""

from collections.abc import Mapping, Sequence

import click

from lgi_server.cli.manage_db import options, output
from lgi_server.cli.manage_db.answers import ask
from lgi_server.cli.manage_db.project import ManagedProject
from lgi_server.services.project import share_weights

SHARE = "share"


def commands(kind: str) -> Mapping[str, Sequence[click.Command]]:
    """Return the commands for the weights of users or groups (``kind`` "user" or "group") by action."""
    return {"list": [_listing(kind)], "add": [_weight(kind)], "del": [_removal(kind)]}


def _weight(kind: str) -> click.Command:
    @click.command(
        SHARE,
        help=f"Give a {kind} another weight in the queue of PROJECT, on this server.",
        epilog=options.example(f"add {kind}s share --name carl@desk --weight 2"),
    )
    @options.name_of(kind)
    @click.option("--weight", show_default=options.ASKED, help="From 0.01 to 1000; 1 is what everybody has.")
    @options.on_project
    def set_weight(chosen: ManagedProject, *, name: str | None, weight: str | None) -> None:
        name, weight = ask(name, f"{kind} name"), ask(weight, "weight")
        chosen.change_here(lambda changes: changes.set_share(kind, name, weight))

    return set_weight


def _removal(kind: str) -> click.Command:
    @click.command(
        SHARE,
        help=f"Give a {kind} of PROJECT the weight that everybody has, 1, on this server.",
        epilog=options.example(f"del {kind}s share --name carl@desk"),
    )
    @options.name_of(kind)
    @options.on_project
    def remove(chosen: ManagedProject, *, name: str | None) -> None:
        name = ask(name, f"{kind} name")
        chosen.change_here(lambda changes: changes.remove_share(kind, name))

    return remove


def _listing(kind: str) -> click.Command:
    @click.command(
        SHARE,
        help=f"List the {kind}s of PROJECT that have a weight of their own on this server.",
        epilog=options.example(f"list {kind}s share"),
    )
    @options.FORMAT
    @options.on_project
    def show(chosen: ManagedProject, *, form: str) -> None:
        rows = chosen.run(lambda transaction: share_weights.shares_of(transaction, kind))
        click.echo(output.shown(form, f"{kind}s_{SHARE}", (f"{kind}_name", "weight"), rows))

    return show
