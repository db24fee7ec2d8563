"""The options and arguments that commands of ManageDB share."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from lgi_server.cli.manage_db import project
from lgi_server.cli.manage_db.project import ManagedProject

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]
ASKED = "asked for"
CONFIG = "LGI_server.cfg"

APPLICATION = click.option("--application", show_default=ASKED, help="Name of an application, or any.")
SERVERS = click.option(
    "--servers", show_default=ASKED, help="Project servers the change is for: names with commas, or any."
)
FORMAT = click.option(
    "--format", "form", type=click.Choice(["table", "xml", "json"]), default="table", show_default=True
)
YES = click.option("--yes", is_flag=True, help="Do not ask whether that is meant.")


def name_of(kind: str) -> Decorator:
    """Return the option for the name of a user, group or resource."""
    return click.option("--name", show_default=ASKED, help=f"Name of the {kind}.")


def example(*lines: str) -> str:
    """Return examples for the end of a help text."""
    return "\b\nExample:\n" + "\n".join(f"  ManageDB {line}" for line in lines)


def _set_config(context: click.Context, _option: click.Parameter, value: Path | None) -> None:
    if value is not None:
        context.find_root().params["config"] = value


def _project(
    context: click.Context, _argument: click.Parameter, words: Sequence[str]
) -> ManagedProject | None:
    """Return the project of the command.

    As LGI: host, user and password of its database may follow the name. They are ignored: the configuration
    has them, and the list of processes shows a password to everybody.
    """
    if context.resilient_parsing:
        return None
    if len(words) > 4:
        raise click.UsageError(f"too many words: {' '.join(words[4:])}", context)
    if len(words) == 4:
        why = "everybody can read a password here; that of the database stands in the configuration"
        click.echo(f"ManageDB: {why}", err=True)
    return project.load(context.find_root().params["config"], words[0] if words else None)


def on_project(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the project that it works on, as ``chosen``, and the option --config."""
    argument = click.argument("chosen", metavar="[PROJECT]", nargs=-1, callback=_project)
    # Also an option of each command, so that it may follow the words.
    option = click.option(
        "--config",
        is_eager=True,
        expose_value=False,
        callback=_set_config,
        type=click.Path(dir_okay=False, readable=False, path_type=Path),
        show_default=f"LGI_SERVER_CONFIG or {CONFIG}",
        help="The server's configuration.",
    )
    return argument(option(command))
