"""ManageDB: who may use the project, by prompts as ever and by options for scripts (clients.md 7)."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from lgi_protocol.errors import LGIError
from lgi_server.cli.manage_db import licences, options, resources, rules, shares, undo
from lgi_server.config.source import ConfigError
from lgi_server.db.errors import cause_text
from lgi_server.services.project.recorded_changes import AdministrationError

# By the word that a group of commands begins with.
_ACTIONS = {"list": "List", "add": "Add or change", "del": "Delete"}


class _Programs(click.Group):
    """Says in one line why a command failed, and how the words go together."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command. What is no fault of the program ends it with a message and exit code 1."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            # Nobody reads on, which is no fault: it ends quietly.
            raise
        except (AdministrationError, ConfigError, LGIError, OSError, ValueError) as error:
            click.echo(f"ManageDB: {error}{cause_text(error)}", err=True)
            sys.exit(1)

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        """Return what stands in the line of the usage."""
        kinds = "{users|groups|resources} {allowed|denied|share}"
        return ["[OPTIONS]", f"{{{{list|add|del}} {kinds} | list licences | undo}} [PROJECT]"]


@click.group(
    cls=_Programs,
    # As LGI: words in upper or lower case.
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
    """Manage who may submit (users, groups) and which resources take part, in PROJECT.

    PROJECT is the default project of the configuration unless given. What is not given as an option is asked
    for. Each change is recorded for the other project servers, but for shares: those are what this server's
    scheduler orders its queue by. undo takes back the last change that was recorded here and not taken back.
    Lists can be had on slave servers too.
    """


def _group(action: str) -> click.Group:
    """Return an action with its nouns."""
    verb = _ACTIONS[action]
    managed: Mapping[str, Sequence[click.Command]] = {
        "users": [*rules.commands("user")[action], *shares.commands("user")[action]],
        "groups": [*rules.commands("group")[action], *shares.commands("group")[action]],
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
main.add_command(undo.undo)
