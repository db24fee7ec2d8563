"""The options of all tools: LGI's short names, also with several letters, and long names."""

import os
from collections.abc import Callable
from dataclasses import fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import click

from lgi_protocol import LGI_VERSION
from lgi_protocol.job_directory import JobDirectory
from lgi_tools.cli import terminal
from lgi_tools.client import settings
from lgi_tools.client.settings import Settings, SettingsError

_Command = TypeVar("_Command", bound=Callable[..., Any])
CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 110}
Options = dict[str, Any]
_SETTINGS = tuple(each.name for each in fields(Settings) if each.name not in {"check_host", "place"})

# For completion by shells; the settings check whether the files exist.
FILE, DIRECTORY = click.Path(), click.Path(file_okay=False)
_CREDENTIALS = (
    click.option(
        "-c",
        "--config",
        type=DIRECTORY,
        metavar="DIR",
        help="Configuration directory; its files override those of ~/.LGI (default: $LGI_CONFIG, if set).",
    ),
    click.option(
        "-K", "--key", type=FILE, default="", metavar="FILE", help="Private key (default: ~/.LGI/privatekey)."
    ),
    click.option(
        "-C",
        "--certificate",
        type=FILE,
        default="",
        metavar="FILE",
        help="Certificate (default: ~/.LGI/certificate).",
    ),
    click.option(
        "-CA",
        "--ca",
        type=FILE,
        default="",
        metavar="FILE",
        help="Trusted CA certificate (default: ~/.LGI/ca_chain).",
    ),
    click.option("-W", "--no-host-check", is_flag=True, help="Do not verify the server's host name."),
)
_PROJECT = (
    click.option(
        "-S", "--server", default="", metavar="URL", help="Project server (default: ~/.LGI/defaultserver)."
    ),
    click.option(
        "-P", "--project", default="", metavar="NAME", help="Project (default: ~/.LGI/defaultproject)."
    ),
    click.option(
        "-U", "--user", default="", metavar="NAME", help="User, as in the certificate (default: ~/.LGI/user)."
    ),
    click.option(
        "-G", "--groups", default="", metavar="LIST", help="Groups, comma-separated (default: ~/.LGI/groups)."
    ),
)


def _talk(_context: click.Context, option: click.Parameter, asked: bool) -> None:
    import logging

    if asked:
        level = logging.DEBUG if option.name == "very_verbose" else logging.INFO
        logging.basicConfig(level=level, format="%(asctime)s [%(levelname)s] %(name)s; %(message)s")


_VERBOSITY = (
    click.option(
        "-v",
        "--verbose",
        is_flag=True,
        expose_value=False,
        callback=_talk,
        help="Log calls on standard error, and answers of a server that are not LGI's.",
    ),
    click.option(
        "-vv",
        "--very-verbose",
        is_flag=True,
        expose_value=False,
        callback=_talk,
        help="Also log the answers of LGI servers.",
    ),
)


def version(command: _Command) -> _Command:
    """Add --version."""
    return click.version_option(LGI_VERSION, message="%(prog)s %(version)s")(command)


def credential_options(command: _Command) -> _Command:
    """Add -c, -K, -C, -CA, -W, -v and -vv."""
    for option in reversed((*_CREDENTIALS, *_VERBOSITY)):
        command = option(command)
    return command


def project_options(command: _Command) -> _Command:
    """Add -S, -P, -U, -G and the options of `credential_options`."""
    for option in reversed(_PROJECT):
        command = option(command)
    return credential_options(command)


def resolve(given: Options, base: Settings | None = None, fill: bool = False) -> Settings:
    """Return the settings: an option overrides -c, which overrides ``base`` or else the user's own.

    With ``fill`` the user's own settings also complete ``base``. Removes its options from ``given``. Raises
    click.UsageError for an unusable directory or file.
    """
    chosen = Settings(
        **{name: str(given.pop(name, "")) for name in _SETTINGS}, check_host=not given.pop("no_host_check")
    )
    config = given.pop("config")
    try:
        if config:
            chosen = replace(chosen, place=str(config))
            chosen = chosen.over(settings.read_named(Path(config)))
        chosen = chosen.over(base or Settings())
        return settings.completed(chosen) if fill or base is None else chosen
    except SettingsError as error:
        raise click.UsageError(str(error)) from None


def require(chosen: Settings, program: str, *names: str) -> None:
    """Raise click.UsageError unless key, certificate, CA and the named settings are known.

    Warns of a key that others can read, of certificates that expire within thirty days, and of -W.
    """
    try:
        chosen.require(*chosen.proofs, *names)
    except SettingsError as error:
        raise click.UsageError(str(error)) from None
    if not chosen.check_host:
        terminal.warn(program, "warning: with -W any certificate of the CA is accepted as the server's")
    if warning := settings.exposed_key(chosen):
        terminal.warn(program, warning)
    for warning in settings.ending(chosen, datetime.now(UTC)):
        terminal.warn(program, f"warning: {warning}")


def job(named: str | None, program: str) -> JobDirectory | None:
    """Return the job a tool runs in: that of ``-j DIR``, else that of the current directory, if any.

    Raises click.UsageError when the named directory is not a job's.
    """
    try:
        if named:
            return settings.job_at(Path(named))
        if not os.path.exists("LGI_job_id"):
            return None
        # As LGI: the current directory is used without an option. But it decides which key is used with which
        # server, so that one that others can write to is ignored.
        if settings.is_ours(Path()):
            return settings.job_at(Path())
        terminal.warn(
            program, "warning: not used as job directory because others can write to it; use -j . to use it"
        )
    except SettingsError as error:
        if named:
            raise click.UsageError(str(error)) from None
    return None
