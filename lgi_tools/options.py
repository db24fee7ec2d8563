"""The options all tools share: old names with one dash, as LGI has them, and long ones."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from lgi_tools import settings, terminal
from lgi_tools.settings import Settings, Unsettled

_Command = TypeVar("_Command", bound=Callable[..., Any])
CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 110}
Options = dict[str, Any]

_CREDENTIALS = (
    click.option("-c", "--config", metavar="DIR", help="Read this instead of ~/.LGI where it has a file."),
    click.option("-K", "--key", default="", metavar="FILE", help="Private key."),
    click.option("-C", "--certificate", default="", metavar="FILE", help="Certificate."),
    click.option("-CA", "--ca", default="", metavar="FILE", help="Certificate of the CA to trust."),
    click.option("-W", "--no-host-check", is_flag=True, help="Do not compare the server's host name."),
)
_PROJECT = (
    click.option("-S", "--server", default="", metavar="URL", help="Project server."),
    click.option("-P", "--project", default="", metavar="NAME", help="Project."),
    click.option("-U", "--user", default="", metavar="NAME", help="User, as in the certificate."),
    click.option("-G", "--groups", default="", metavar="LIST", help="Groups, separated by commas."),
)


def credential_options(command: _Command) -> _Command:
    """Adds -c -K -C -CA -W."""
    for option in reversed(_CREDENTIALS):
        command = option(command)
    return command


def project_options(command: _Command) -> _Command:
    """Adds -S -P -U -G and the options of `credential_options`."""
    for option in reversed(_PROJECT):
        command = option(command)
    return credential_options(command)


def settled(given: Options, base: Settings | None = None) -> Settings:
    """The settings in force: an option wins over -c, which wins over ``base`` or else ``~/.LGI``.

    Takes its options out of ``given``. Raises click.UsageError when a directory is of no use.
    """
    names = ("key", "certificate", "ca", "server", "project", "user", "groups")
    chosen = Settings(
        **{name: str(given.pop(name, "")) for name in names}, check_host=not given.pop("no_host_check")
    )
    config = given.pop("config")
    try:
        if config:
            chosen = chosen.over(_config(Path(config)))
        if base is not None:
            return chosen.over(base)
        # A full set of options needs no home, as for a service's account that has none.
        if all((chosen.key, chosen.certificate, chosen.ca, chosen.server, chosen.user, chosen.groups)):
            return chosen
        return chosen.over(settings.read_directory(settings.home_directory()))
    except Unsettled as error:
        raise click.UsageError(str(error)) from None


def require(chosen: Settings, program: str, *names: str) -> None:
    """UsageError unless key, certificate, CA and these are known; warns of a key that others can read."""
    try:
        chosen.require("key", "certificate", "ca", *names)
    except Unsettled as error:
        raise click.UsageError(str(error)) from None
    if warning := settings.exposed_key(chosen):
        terminal.warn(program, warning)


def _config(directory: Path) -> Settings:
    if not directory.is_dir():
        raise Unsettled(f"the configuration directory {directory} is not there")
    return settings.read_directory(directory)
