"""The directory of a daemon on the machine of the CA itself, which needs no token.

The modules that write it are loaded when it is written.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from lgi_tools.certificates import keys
from lgi_tools.certificates.command_options import https
from lgi_tools.certificates.entity import Issued

_Command = TypeVar("_Command", bound=Callable[..., Any])
DEFAULT = ("hello_world",)


def options(command: _Command) -> _Command:
    """Add the options --daemon-dir, --server and --application."""
    for option in (
        click.option(
            "-a",
            "--application",
            multiple=True,
            metavar="NAME",
            help="Application for --daemon-dir, as of LGI_join; may be repeated (default: hello_world).",
        ),
        click.option(
            "--server",
            "url",
            default="",
            callback=https,
            help="URL of the project's master server for --daemon-dir (default: none).",
        ),
        click.option(
            "--daemon-dir",
            type=click.Path(file_okay=False, path_type=Path),
            help="Also write a directory for LGI_daemon on this machine (default: none).",
        ),
    ):
        command = option(command)
    return command


def check(directory: Path, url: str, projects: tuple[str, ...], applications: tuple[str, ...]) -> None:
    """Raise ValueError or FileExistsError, before a certificate is issued, when `write` would fail."""
    from lgi_tools.joining import resource_directory

    if not url or not projects:
        raise ValueError("--daemon-dir needs --server and --project")
    found = tuple(resource_directory.find(name) for name in applications or DEFAULT)
    resource_directory.check(directory, found)


def write(
    directory: Path,
    issued: Issued,
    ca_file: Path,
    *,
    name: str,
    url: str,
    projects: tuple[str, ...],
    applications: tuple[str, ...],
) -> Path:
    """Write the directory that LGI_join would write, and return its configuration."""
    from lgi_tools.joining import resource_directory
    from lgi_tools.joining.client import Joined

    joined = Joined(
        certificate=issued.certificate.read_text("ascii"),
        ca=ca_file.read_text("ascii"),
        name=name,
        projects=projects,
        server=url,
        registered=False,
    )
    directory.mkdir(mode=0o755, parents=True, exist_ok=True)
    keys.write_file(directory / resource_directory.KEY, issued.key.read_bytes(), keys.SECRET)
    resource_directory.write_certificates(directory, joined)
    found = tuple(resource_directory.find(one) for one in applications or DEFAULT)
    return resource_directory.write(directory, joined, found)
