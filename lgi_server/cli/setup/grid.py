"""LGI_setup grid: everything that a project needs on its server, by one command."""

import os
from pathlib import Path
from urllib.parse import urlsplit

import click

from lgi_server.cli.setup import grid_database, grid_options, grid_steps, journal, owner, start, units
from lgi_server.cli.setup.grid_options import PACKAGED, PACKAGED_DATA, GridOptions
from lgi_server.cli.setup.grid_steps import Step

_DIRECTORY = click.Path(file_okay=False, path_type=Path)


def _use_answers(context: click.Context, _option: click.Parameter, path: Path | None) -> None:
    """Take the answers of a file as defaults of the other options."""
    if path is not None:
        known = [one.name for one in context.command.params if one.name not in {None, "answers", "help"}]
        context.default_map = dict(grid_options.read_answers(path, [str(name) for name in known]))


@click.command(
    epilog="\b\nExample:\n  LGI_setup grid --url https://lgi.example.org/LGI --admin mark@laptop\n"
    "  LGI_setup grid --url https://lgi.example.org/LGI --database-admin mariadb://root@localhost"
)
@click.option(
    "--answers",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    callback=_use_answers,
    is_eager=True,
    expose_value=False,
    help="File with options, one a line: url = https://... The command line is stronger.",
)
@click.option("--url", help="The server's address, as https://lgi.example.org/LGI. [default: ask for it]")
@click.option(
    "--directory",
    type=_DIRECTORY,
    default=owner.default_directory,
    show_default=f"for root {PACKAGED}, if the packages have made it, or the current one",
    help="Where certificates, server and the administrator's settings are made.",
)
@click.option("--project", default="LGI", show_default=True, help="The first project's name.")
@click.option("--admin", help="The first administrator's name. [default: this account @ this machine]")
@click.option("--also", multiple=True, help="Additional host name or IP address of the server; repeatable.")
@click.option(
    "--listen",
    help="Address and port to listen on. [default: all, for localhost its own; the port of the URL]",
)
@click.option("--database", help="sqlite:FILE or mariadb://USER@HOST/NAME. [default: sqlite:PROJECT.sqlite]")
@click.option(
    "--database-admin",
    help="Administrator of a MariaDB server, as mariadb://root@localhost/?socket=FILE&password_file=FILE:"
    " user and database of --database are made there.",
)
@click.option(
    "--data", type=_DIRECTORY, help="Where SQLite and the repository are. [default: DIRECTORY/server]"
)
@click.option(
    "--user", help="Account that runs the server. [default: this one; for root lgi, if there is one]"
)
@click.option(
    "--units", type=_DIRECTORY, help="Where to write the units of systemd. [default: DIRECTORY/units]"
)
@click.option("--resource", help="Make this machine a resource of the project, as desktop@example.org.")
@click.option(
    "--application",
    multiple=True,
    default=("hello_world", "command"),
    show_default=True,
    help="Application of that resource, as of LGI_join; repeatable.",
)
@click.option(
    "--join-port",
    type=click.IntRange(1, 65535),
    default=start.JOIN_PORT,
    show_default=True,
    help="Port for those who join with a token.",
)
@click.option(
    "--start",
    is_flag=True,
    help="Start the server (by systemd where it runs), the daemon of --resource, and for an hour the listener"
    " for tokens.",
)
def grid(directory: Path, **given: object) -> None:
    """Make all that a new project needs: authority, certificates, configuration, database, administrator.

    A second time it says what there is and makes what is missing. Nothing is left of a set-up that fails; one
    that was killed is removed by the next.
    """
    plan = _options(directory, given)
    with journal.unfinished(directory, grid_database.undo(plan.database_admin)) as (made, left):
        if left:
            click.echo("What an interrupted LGI_setup had made was removed.")
        steps = list(grid_steps.carry_out(plan, made))
    for step in steps:
        click.echo(f"{step.label:14}: {step.text}{'' if step.is_new else ' (there already)'}")
    for line in start.start(plan) if plan.start else ():
        click.echo(f"{'Started':14}: {line}")
    _say_what_is_next(plan, steps)


def _options(directory: Path, given: dict[str, object]) -> GridOptions:
    """Return the options, asking at a terminal when there is no address."""
    texts = {
        name: str(given[name]) if given[name] else None for name in ("url", "project", "admin", "database")
    }
    if texts["url"] is None:
        texts = grid_options.ask(texts)
    url = (texts["url"] or "").rstrip("/")
    grid_options.check_url(url)
    values = {
        **given,
        "url": url,
        "directory": directory,
        "project": texts["project"] or "LGI",
        "admin": texts["admin"] or grid_options.default_admin(),
        "database": texts["database"],
        "data": given["data"] or (PACKAGED_DATA if directory.absolute() == PACKAGED else None),
        "user": owner.account(str(given["user"]) if given["user"] else None),
        "units": given["units"] or _unit_directory(directory, bool(given["start"])),
    }
    return GridOptions(**values)  # type: ignore[arg-type]


def _unit_directory(directory: Path, has_start: bool) -> Path | None:
    """Return where the unit is written by default; None for nowhere, as when a package has brought one."""
    if directory.absolute() == PACKAGED and units.PACKAGED.exists():
        return None
    if has_start and units.RUNNING.is_dir() and os.geteuid() == 0:
        return units.SYSTEM
    return directory / "units" if units.RUNNING.is_dir() else None


def _say_what_is_next(plan: GridOptions, steps: list[Step]) -> None:
    """Name the next commands, five at most."""
    config = plan.server / "LGI_server.cfg"
    if not any(step.is_new for step in steps):
        click.echo("Nothing was changed.")
    click.echo("Next:")
    if not plan.start:
        click.echo(f"  {_start_command(plan, config)}")
        if plan.resource:
            click.echo(f"  {_daemon_command(plan)}")
        host = urlsplit(plan.url).hostname
        port = "" if plan.join_port == start.JOIN_PORT else f" --port {plan.join_port}"
        click.echo(f"  LGI_certificates listen {host}{port} --server {plan.url} --register {config} &")
    click.echo(f"  LGI_setup check {config}")
    url = f"https://{urlsplit(plan.url).hostname}:{plan.join_port}"
    click.echo(f"  LGI_certificates token --user anna@desk --project {plan.project} --url {url}")


def _start_command(plan: GridOptions, config: Path) -> str:
    """Return the command that starts the server."""
    if units.are_used(plan.units):
        return f"systemctl enable --now {units.UNIT}"
    return f"LGI_server {config} &"


def _daemon_command(plan: GridOptions) -> str:
    """Return the command that starts the daemon of the first resource."""
    if units.are_used(plan.units):
        return f"systemctl enable --now {units.DAEMON_UNIT}"
    return f"LGI_daemon {plan.resource_directory / 'LGI.cfg'} &"
