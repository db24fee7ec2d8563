"""Options, passwords and errors of all commands of LGI_certificates."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from lgi_tools.certificates.keys import KeyType
from lgi_tools.cli import program, terminal

if TYPE_CHECKING:
    # Slow to load: functions that need them import them.
    from lgi_tools.certificates.subject import Subject

NAME = "LGI_certificates"
_Command = TypeVar("_Command", bound=Callable[..., Any])
DIRECTORY = click.Path(file_okay=False, path_type=Path)
# Where LGI_setup has made the authority of a project, below the current directory or for the packages.
_HERE, _PACKAGED = Path("certificates"), Path("/etc/lgi/certificates")
KEY_TYPE = click.option(
    "--key-type",
    type=click.Choice([str(each) for each in KeyType]),
    default="ec",
    show_default=True,
    help="Type of a new key: ec (P-256) or rsa (3072 bits).",
)
GROUP = click.option(
    "--group", multiple=True, help="Group of the user, or any; may be repeated (default: none)."
)
PROJECT = click.option(
    "--project",
    multiple=True,
    help="Restrict the certificate to this project; may be repeated (default: all projects).",
)
ALSO = click.option(
    "--also",
    multiple=True,
    help="Additional host name or IP address of a server; may be repeated (default: none).",
)
DAYS = click.IntRange(min=1, max=36500)
FORCE = click.option("--force", is_flag=True, help="Replace an existing certificate and key of that name.")


def own_directory() -> Path:
    """Return the directory of the CA by default: the packages' one if that has a CA and this one has none."""
    key = "ca.key"
    return _PACKAGED if os.path.isfile(_PACKAGED / key) and not os.path.isfile(_HERE / key) else _HERE


def days(default: int) -> Callable[[_Command], _Command]:
    """Return the option --days with a default."""
    return click.option("--days", type=DAYS, default=default, show_default=True, help="Validity in days.")


def issuing(command: _Command) -> _Command:
    """Add the options to issue a certificate with a new key: --key-type, --days and --force."""
    from lgi_tools.certificates.ca import LEAF_DAYS

    return KEY_TYPE(days(LEAF_DAYS)(FORCE(command)))


def https(_context: click.Context, _option: click.Parameter, url: str) -> str:
    """Return a URL with https. Raises BadParameter for any other, which the tools would refuse later."""
    from lgi_protocol.client import is_https

    if url and not is_https(url):
        raise click.BadParameter(f"{url!r} is not a URL that begins with https://")
    return url


def configuration(command: _Command) -> _Command:
    """Add the options to write a directory like ~/.LGI: --config-dir, --server, --default-project."""
    for option in (
        click.option(
            "--default-project",
            default="",
            help="Project for the configuration (default: first of --project).",
        ),
        click.option(
            "--server",
            "url",
            default="",
            callback=https,
            help="Project server URL for the configuration, as https://host/LGI (default: none).",
        ),
        click.option(
            "--config-dir",
            type=DIRECTORY,
            help="Also write a configuration directory of the tools, like ~/.LGI (default: none).",
        ),
    ):
        command = option(command)
    return command


PASSWORD_FILE = click.option(
    "--password-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File whose first line is the password of the .p12 file (default: generate and print one).",
)


@contextmanager
def plain_errors() -> Iterator[None]:
    """Translate OSError and ValueError into a one-line error of the command."""
    try:
        yield
    except BrokenPipeError:
        # The reader of the output has closed it, as head(1) does: not an error.
        raise
    except (OSError, ValueError) as error:
        raise click.ClickException(program.plain(error)) from error


def check_subject(directory: Path, subject: "Subject") -> None:
    """Raise ValueError for a name that project servers refuse; warn of what is probably a mistake."""
    from lgi_tools.certificates import name_check

    name_check.refuse(directory, subject)
    for warning in name_check.warnings(directory, subject, datetime.now(UTC)):
        terminal.warn(NAME, f"warning: {warning}")


def read_password(path: Path | None) -> str:
    """Return the first line of a file, without a file a generated password. ValueError when empty."""
    import secrets

    if path is None:
        return secrets.token_urlsafe(12)
    password = path.read_text("utf-8").partition("\n")[0].strip()
    if not password:
        raise ValueError(f"the first line of {path} is empty: it must be the password of the .p12 file")
    return password


def until(file: Path) -> str:
    """Return the output line with a certificate's file and expiry."""
    from lgi_tools.certificates.archive import read_certificate

    return f"Certificate : {file} (valid until {read_certificate(file).not_valid_after_utc:%Y-%m-%d})\n"


def of_configuration(directory: Path) -> str:
    """Return the output line with a configuration directory."""
    return f"Directory   : {directory} (for the tools' -c option, or as ~/.LGI)\n"
