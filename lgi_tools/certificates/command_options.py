"""What the commands of LGI_certificates share: options, passwords, errors."""

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click

from lgi_protocol.client import is_https
from lgi_tools.certificates.archive import read_certificate
from lgi_tools.certificates.keys import KeyType
from lgi_tools.cli import program

NAME = "LGI_certificates"
_Command = TypeVar("_Command", bound=Callable[..., Any])
DIRECTORY = click.Path(file_okay=False, path_type=Path)
KEY_TYPE = click.option(
    "--key-type", type=click.Choice([str(each) for each in KeyType]), default="ec", show_default=True
)
GROUP = click.option("--group", multiple=True, help="A group of a user, or any; repeat for more.")
PROJECT = click.option("--project", multiple=True, help="Good for this project only; repeat for more.")
ALSO = click.option(
    "--also", multiple=True, help="Another host name or address of a server; repeat for more."
)
DAYS = click.IntRange(min=1, max=36500)
FORCE = click.option("--force", is_flag=True, help="Replace the certificate and key of that name.")


def days(default: int) -> Callable[[_Command], _Command]:
    """Adds --days."""
    return click.option("--days", type=DAYS, default=default, show_default=True, help="Days it is valid.")


def https(_context: click.Context, _option: click.Parameter, url: str) -> str:
    """The tools refuse every other URL, so it is refused before it is written down."""
    if url and not is_https(url):
        raise click.BadParameter(f"{url!r} is not a URL that begins with https://")
    return url


def configuration(command: _Command) -> _Command:
    """Adds what is needed to write a directory like ~/.LGI: --config-dir, --server, --default-project."""
    for option in (
        click.option(
            "--default-project", default="", help="Project for the configuration, else the first one."
        ),
        click.option(
            "--server",
            "url",
            default="",
            callback=https,
            help="Project server URL for the configuration, as https://host/LGI.",
        ),
        click.option(
            "--config-dir", type=DIRECTORY, help="Write a configuration like ~/.LGI for the tools here."
        ),
    ):
        command = option(command)
    return command


PASSWORD_FILE = click.option(
    "--password-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Its first line protects the .p12 file; otherwise a password is made up and printed once.",
)


@contextmanager
def plain_errors() -> Iterator[None]:
    """Everything that goes wrong with files and names here is the user's to mend: one line says what."""
    try:
        yield
    except BrokenPipeError:
        # Nobody reads on, which is no fault: it ends quietly.
        raise
    except (OSError, ValueError) as error:
        raise click.ClickException(program.plain(error)) from error


def read_password(path: Path | None) -> str:
    """The password of a PKCS12 file: the first line of a file, or made up. ValueError when it is empty."""
    if path is None:
        return secrets.token_urlsafe(12)
    password = path.read_text("utf-8").partition("\n")[0].strip()
    if not password:
        raise ValueError(f"the first line of {path} is empty: it must be the password of the .p12 file")
    return password


def until(file: Path) -> str:
    """The line that tells of a certificate."""
    return f"Certificate : {file} (valid until {read_certificate(file).not_valid_after_utc:%Y-%m-%d})\n"


def of_configuration(directory: Path) -> str:
    """The line that tells of a directory like ~/.LGI."""
    return f"Directory   : {directory} (for the tools' -c option, or as ~/.LGI)\n"
