"""ManageDB: the rights to use a project, set by prompts as in LGI or by options (clients.md 7)."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from lgi_server.cli.manage_db import (
    addresses,
    administrators,
    drains,
    licences,
    log,
    options,
    resources,
    rules,
    shares,
    undo,
    urgent,
)
from lgi_server.cli.program_group import ProgramGroup

# The verb in the help of each action.
_ACTIONS = {"list": "List", "add": "Add or change", "del": "Delete"}


class _Programs(ProgramGroup):
    """The group of all commands; its usage shows the order of the words."""

    program = "ManageDB"

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        """Return the words of the usage line."""
        kinds = "{users|groups|resources} {allowed|denied|share|urgent|mail|admin|revoked}"
        return [
            "[OPTIONS]",
            f"{{{{list|add|del}} {kinds} | list {{licences|log}} | undo |"
            " {drain|resume} resource NAME} [PROJECT]",
        ]


@click.group(
    cls=_Programs,
    # As LGI: words may be in upper or lower case.
    context_settings={"help_option_names": ["-h", "--help"], "token_normalize_func": str.lower},
    epilog=options.example(
        "list users allowed",
        "add users allowed --name carl@desk --application any --limit 10 --servers any",
        "add groups allowed   (asks for name, application, limit and servers)",
    ),
)
@click.option(
    "--config",
    envvar="LGI_SERVER_CONFIG",
    default=options.CONFIG,
    show_default=True,
    show_envvar=True,
    type=click.Path(dir_okay=False, readable=False, path_type=Path),
    help="The server's configuration.",
)
def main(config: Path) -> None:
    """Manage the users and groups that may submit in PROJECT, and its resources.

    Without PROJECT the default project of the configuration is used. The command prompts for options that are
    not given. Changes are recorded for the other project servers, except shares, drains, mail addresses,
    administrators and revocations: only this server uses those. undo reverts the last recorded change of this
    server that is not reverted yet.
    Lists work on slave servers too.
    """


def _group(action: str) -> click.Group:
    """Return the group of commands of an action, with a command for each noun."""
    verb = _ACTIONS[action]
    managed: Mapping[str, Sequence[click.Command]] = {
        "users": [
            *rules.commands("user")[action],
            *shares.commands("user")[action],
            *addresses.commands()[action],
            *administrators.commands()[action],
        ],
        "groups": [
            *rules.commands("group")[action],
            *shares.commands("group")[action],
            *urgent.commands()[action],
        ],
        "resources": resources.commands()[action],
    }
    also = ", shares or licences" if action == "list" else " or shares"
    made = click.Group(action, help=f"{verb} rules, resources{also}.")
    for noun, commands in managed.items():
        what = "resources" if noun == "resources" else f"rules or shares of {noun}"
        made.add_command(click.Group(noun, commands=commands, help=f"{verb} {what}."))
    return made


for _action in _ACTIONS:
    main.add_command(_group(_action))
main.get_command(click.Context(main), "list").add_command(licences.show)  # type: ignore[union-attr]
main.get_command(click.Context(main), "list").add_command(log.show)  # type: ignore[union-attr]
main.add_command(undo.undo)
main.add_command(drains.drain)
main.add_command(drains.resume)
