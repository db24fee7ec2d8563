"""LGI_resources: look at the daemons of many hosts by ssh, start those that do not run, stop them."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lgi_tools.cli import options, output_json, program, terminal

if TYPE_CHECKING:
    # Slow to load: functions that need them import them.
    from lgi_tools.commands.resources_hosts import Host
    from lgi_tools.commands.resources_ssh import HostReport

NAME = "LGI_resources"
_FILE = Path("~/.LGI/hosts.toml")
_ACTIONS = ("status", "restart", "stop")
_SECONDS = click.IntRange(15, 3600)
# Hosts at once.
_AT_ONCE = 16


@click.command(context_settings=options.CONTEXT, no_args_is_help=True)
@click.option(
    "--hosts",
    type=click.Path(dir_okay=False, path_type=Path),
    default=_FILE,
    show_default=True,
    metavar="FILE",
    help="File with the hosts, in TOML.",
)
@click.option(
    "--ssh-config",
    "configuration",
    type=click.Path(dir_okay=False, exists=True, path_type=Path),
    metavar="FILE",
    help="Configuration of ssh (default: that of the user).",
)
@click.option(
    "--timeout",
    "seconds",
    type=_SECONDS,
    default=60,
    show_default=True,
    metavar="SECONDS",
    help="Time for each host, with the start or stop of its daemon.",
)
@click.option("--force", is_flag=True, help="Also restart daemons that run; their jobs continue.")
@click.option("-q", "--quiet", is_flag=True, help="Print only what was started, and what is wrong.")
@output_json.option
@options.version
@click.argument("action", type=click.Choice(_ACTIONS), metavar="status|restart|stop")
@click.argument("names", nargs=-1, metavar="[NAME]...")
def command(
    *,
    hosts: Path,
    configuration: Path | None,
    seconds: int,
    force: bool,
    quiet: bool,
    as_json: bool,
    action: str,
    names: tuple[str, ...],
) -> int:
    """Look after the daemons of the hosts in a file, all or those with these names, by ssh.

    status says which run; restart starts those that do not run, and looks at them again; stop ends them, and
    their jobs continue. The exit code is 0 when all are then as the action says.

    Example: LGI_resources restart --hosts hosts.toml
    """
    # Slow to load.
    from concurrent.futures import ThreadPoolExecutor

    from lgi_tools.commands.resources_ssh import look

    if force and action != "restart":
        raise click.UsageError("--force is for restart")
    chosen = _chosen(hosts.expanduser(), names)
    does = partial(look, action="force" if force else action, seconds=seconds, configuration=configuration)
    with ThreadPoolExecutor(min(_AT_ONCE, len(chosen))) as threads:
        reports = list(threads.map(does, chosen))
    is_good = _good(action)
    if as_json:
        output_json.show({"hosts": [_values(one) for one in reports]})
    else:
        width = max(len(one.name) for one in chosen)
        shown = [one for one in reports if not quiet or one.state == "started" or one.state not in is_good]
        terminal.show("".join(f"{_line(one, width)}\n" for one in shown))
    return 0 if all(one.state in is_good for one in reports) else 1


def _good(action: str) -> frozenset[str]:
    return frozenset({"stopped"} if action == "stop" else {"running", "started"})


def _chosen(path: Path, names: Sequence[str]) -> "list[Host]":
    """Return the hosts of these names, in the order of the file. Raises ClickException."""
    from lgi_tools.commands import resources_hosts

    try:
        known = resources_hosts.read(path)
    except OSError as error:
        raise click.ClickException(f"{path} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    if unknown := set(names) - {one.name for one in known}:
        raise click.ClickException(f"{path} has no host {min(unknown)}")
    return [one for one in known if not names or one.name in names]


def _line(one: "HostReport", width: int) -> str:
    process = f", process {one.pid}" if one.pid else ""
    message = f": {one.message}" if one.message else ""
    return f"{one.host.name:{width}}  {one.state.value}{process}{message}"


def _values(one: "HostReport") -> dict[str, Any]:
    return {
        "name": one.host.name,
        "address": one.host.address,
        "state": one.state.value,
        "pid": one.pid or None,
        "message": one.message,
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Run LGI_resources and return its exit code: 0 when all daemons are as the action says."""
    return program.run(command, NAME, arguments)
