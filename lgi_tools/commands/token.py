"""LGI_token: tokens for programs that have no certificate."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from lgi_tools.cli import options, output_json, program, terminal
from lgi_tools.cli.options import Options
from lgi_tools.cli.param_types import TextParamType
from lgi_tools.cli.session import job_ids, timing, translate_errors

if TYPE_CHECKING:
    # Slow to load: functions that need them import them.
    from lgi_tools.client.interface_calls import Caller
    from lgi_tools.client.token_calls import Token

NAME = "LGI_token"
# In place of the token of the user, who makes tokens with a certificate.
_UNUSED = ""
SCOPES = ("read", "submit", "files", "admin")


def _seconds(text: str) -> int:
    from lgi_tools.client import command_line

    return command_line.seconds(text)


_OF = click.option(
    "--of",
    "owner",
    default="",
    metavar="USER",
    help="Tokens of this user, for administrators (default: you).",
)


@click.group(context_settings=options.CONTEXT)
@options.version
def command() -> None:
    """Make, list and revoke tokens: a program sends one instead of your certificate.

    A token is a secret. Give it to a program in the environment (LGI_TOKEN) or in a file that only you can
    read, never on a command line and never in a URL.

    Example: LGI_token create --scope submit --name notebook; LGI_token list; LGI_token revoke 3
    """


@command.command()
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice(SCOPES),
    help="read: see jobs and files. submit: also submit, change and delete them. files: only files. admin:"
    " all that you may do as an administrator. May be repeated (default: read).",
)
@click.option(
    "--expires",
    "seconds",
    type=TextParamType("time", _seconds),
    metavar="TIME",
    help="Time until it expires, as 12h or 90d: at most a year, and no longer than your certificate"
    " (default: 90d).",
)
@click.option(
    "--name", default="", metavar="TEXT", help="What it is for, as the list shows it (default: nothing)."
)
@click.option(
    "--for-group",
    "group",
    default="",
    metavar="NAME",
    help="Make a token of this group of yours, to share among its members: it reads what the group may read,"
    " and nothing else of yours (default: a token of your own).",
)
@output_json.option
@options.project_options
@output_json.json_errors
def create(
    scopes: tuple[str, ...], seconds: int | None, name: str, group: str, as_json: bool, **given: object
) -> int:
    """Print a new token. It is shown only once: nobody can read it later.

    Example: LGI_token create --scope submit --expires 90d --name notebook > token
    """
    from lgi_tools.client.token_calls import create_token

    with _calls(given) as (caller, server):
        made = create_token(caller.call, server, scopes or ("read",), seconds, name=name, group=group)
    if as_json:
        output_json.show(_shown(made) | {"token": made.text})
    else:
        terminal.show(f"{made.text}\n")
    until = _date(made.expires)
    terminal.warn(NAME, f"token {made.token_id}, scope {','.join(made.scopes)}, expires on {until}")
    return 0


@command.command("list")
@_OF
@output_json.option
@options.project_options
@output_json.json_errors
def list_command(owner: str, as_json: bool, **given: object) -> int:
    """List tokens: number, scope, expiry, last use and name; never the tokens themselves.

    Example: LGI_token list
    """
    from lgi_tools.client.token_calls import list_tokens

    with _calls(given) as (caller, server):
        found = list_tokens(caller.call, server, owner)
    if as_json:
        output_json.show({"tokens": [_shown(one) for one in found]})
        return 0
    for one in found:
        used = _date(one.last_used) if one.last_used else "never"
        name = terminal.value(one.name)
        whose = f" group {terminal.value(one.group)}" if one.group else ""
        scope = ",".join(one.scopes)
        terminal.show(
            f"{one.token_id} {scope}{whose} expires {_date(one.expires)} used {used} {name}".rstrip() + "\n"
        )
    return 0


@command.command(no_args_is_help=True)
@click.argument("numbers", nargs=-1, required=True, metavar="NUMBER...")
@_OF
@output_json.option
@options.project_options
@output_json.json_errors
def revoke(numbers: tuple[str, ...], owner: str, as_json: bool, **given: object) -> int:
    """Revoke tokens by their numbers: the next call with one of them is refused.

    Example: LGI_token revoke 3
    """
    from lgi_tools.client.token_calls import revoke_tokens

    with _calls(given) as (caller, server):
        revoked = revoke_tokens(caller.call, server, job_ids(numbers), owner)
    if as_json:
        output_json.show({"tokens": [_shown(one) for one in revoked]})
    return 0


@contextmanager
def _calls(given: Options) -> "Iterator[tuple[Caller, str]]":
    """Open the calls of the user, which tokens are not good for, and translate their errors."""
    from dataclasses import replace

    from lgi_protocol.client import Client
    from lgi_tools.client.interface_calls import Caller

    chosen = replace(options.resolve(given), token=_UNUSED)
    options.require(chosen, NAME, "server", "user", "groups")
    with translate_errors():
        client = Client(chosen.server, chosen.credentials(), direct=True)
        yield Caller(client, chosen, timing()), client.server


def _date(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d}"


def _shown(one: "Token") -> dict[str, Any]:
    return {
        "token_id": one.token_id,
        "token_name": one.name,
        **({"group": one.group} if one.group else {}),
        "scope": list(one.scopes),
        "created": one.created,
        "expires": one.expires,
        "last_used": one.last_used,
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Run LGI_token and return its exit code: 0 only when the server has done what was asked."""
    return program.run(command, NAME, arguments)
