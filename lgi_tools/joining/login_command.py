"""LGI_login: become a user of a project on this machine, with a token of the project's CA."""

from collections.abc import Sequence
from pathlib import Path
from typing import IO

import click

from lgi_protocol.errors import ServerError, TransportError
from lgi_tools.certificates import keys
from lgi_tools.certificates.command_options import KEY_TYPE, PASSWORD_FILE, plain_errors, read_password, until
from lgi_tools.certificates.keys import KeyType
from lgi_tools.cli import options, program, terminal
from lgi_tools.client import settings
from lgi_tools.joining import token_input

NAME = "LGI_login"


@click.command(context_settings=options.CONTEXT, no_args_is_help=True)
@token_input.arguments
@click.option(
    "-c",
    "--config",
    "directory",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Directory for the key, certificate and settings (default: ~/.LGI).",
)
@click.option(
    "--pkcs12",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Also write key and certificate for a browser; without URL those that are there (default: none).",
)
@PASSWORD_FILE
@KEY_TYPE
@click.option(
    "--renew",
    is_flag=True,
    help="Renew the certificate, if it expires within 90 days; URL is that of the login, if it is not given.",
)
@click.option("--force", is_flag=True, help="Replace the key and certificate that are there.")
@options.version
def command(
    *,
    url: str | None,
    token: str | None,
    token_file: IO[str] | None,
    directory: Path | None,
    file: Path | None,
    password_file: Path | None,
    key_type: str,
    renew: bool,
    force: bool,
) -> int:
    """Become a user of a project on this machine.

    The administrator tells you the URL and the token, which LGI_certificates token has printed. Your key is
    made here and never sent; your certificate is fetched, and ~/.LGI is written for all commands. The token
    is asked for, since other users of this machine can see arguments.

    Example: LGI_login https://lgi.example.org:8444
    """
    from lgi_tools.certificates import entity
    from lgi_tools.joining import login_directory
    from lgi_tools.joining.client import JoinError
    from lgi_tools.joining.tokens import InvalidTokenError

    place = directory or settings.own_directory()
    try:
        with plain_errors():
            password = read_password(password_file) if file else ""
            if file and not force:
                entity.refuse_existing("use --force to replace it", file)
            if login_directory.was_interrupted(place):
                _finish(place)
            elif renew:
                if token or token_file:
                    raise click.UsageError("--renew needs no token")
                _renew(place, url)
            elif url:
                _log_in(place, url, token_input.word(token, token_file), KeyType(key_type), force)
            elif not file:
                raise click.UsageError("URL is required, as told by the administrator")
            if file:
                _write_bundle(place, file, password, password_file is None)
    except (JoinError, InvalidTokenError) as error:
        raise click.ClickException(str(error)) from None
    return 0


def _log_in(directory: Path, url: str, word: str, key_type: KeyType, force: bool) -> None:
    """Get a certificate. All checks that need no token come before the token is used."""
    from lgi_protocol.client import is_https
    from lgi_tools.certificates import user_directory
    from lgi_tools.certificates.profiles import Kind
    from lgi_tools.joining import client, login_directory, tokens

    url = url.rstrip("/")
    if not is_https(url):
        raise ValueError(f"{url!r} is not a URL that begins with https://")
    token = tokens.read(word, Kind.USER)
    if not force:
        user_directory.check_free(directory)
    ca = client.fetch_ca(url, token)
    with login_directory.locked(directory):
        if not force:
            # Again, as another login may have been faster.
            user_directory.check_free(directory)
        key = login_directory.begin(directory, key_type)
        joined = client.join(url, token, key, ca)
        login_directory.complete(directory, joined, url)
    _show(directory)
    if not joined.registered:
        terminal.warn(NAME, "no rule was made: the administrator lets you submit jobs with ManageDB")
    _try(directory)


def _finish(directory: Path) -> None:
    """Finish a login that was interrupted after it had received the certificate."""
    from lgi_tools.joining import login_directory

    with login_directory.locked(directory):
        login_directory.finish(directory)
    terminal.warn(NAME, "the former login, which was interrupted, is finished; its token is used up")
    _show(directory)


def _renew(directory: Path, url: str | None) -> None:
    from lgi_tools.joining import login_directory, renewal
    from lgi_tools.joining.login_directory import CERTIFICATE

    with login_directory.locked(directory):
        is_renewed = renewal.renew(directory, url)
    terminal.show(until(directory / CERTIFICATE))
    if not is_renewed:
        terminal.show("Renewal     : not needed yet\n")


def _show(directory: Path) -> None:
    from lgi_tools.joining.login_directory import CERTIFICATE, KEY

    found = settings.read_directory(directory)
    terminal.show(
        f"User        : {terminal.value(found.user)}, groups {terminal.value(found.groups)}\n"
        f"Server      : {terminal.value(found.server)}\n"
        f"{until(directory / CERTIFICATE)}"
        f"Key         : {directory / KEY} (keep it secret)\n"
    )


def _try(directory: Path) -> None:
    """Warn when the project server does not accept the certificate, which may come later."""
    from lgi_protocol.client import Client
    from lgi_protocol.credentials import Credentials
    from lgi_tools.joining.login_directory import CA, CERTIFICATE, KEY

    found = settings.read_directory(directory)
    caller = {"project": found.project, "user": found.user, "groups": found.groups}
    try:
        credentials = Credentials(directory / KEY, directory / CERTIFICATE, directory / CA)
        Client(found.server, credentials).post("interfaces/interface_project_server_list", caller)
    except ServerError as error:
        terminal.warn(NAME, f"warning: {found.server} refuses the certificate: {error.message}")
    except TransportError as error:
        terminal.warn(NAME, f"warning: no answer from {found.server}: {error.reason}")
    else:
        terminal.show(
            "Next        : LGI_qstat -L shows the resources, LGI_run --wait -- hostname runs a job\n"
        )


def _write_bundle(directory: Path, file: Path, password: str, is_generated: bool) -> None:
    """Write the PKCS12 file for a browser, and print a generated password."""
    from lgi_tools.certificates import pkcs12
    from lgi_tools.certificates.archive import read_certificate
    from lgi_tools.certificates.pkcs12 import Bundle
    from lgi_tools.joining.login_directory import CA, CERTIFICATE, KEY

    certificate, ca = read_certificate(directory / CERTIFICATE), read_certificate(directory / CA)
    bundle = Bundle(keys.read_key(directory / KEY), certificate, ca)
    name = settings.read_directory(directory).user
    keys.write_file(file, pkcs12.pack(name, bundle, password), keys.SECRET, replace=True)
    terminal.show(f"PKCS12      : {file} (import it into your browser)\n")
    if is_generated:
        terminal.show(f"Password    : {password} (of the .p12 file; it is not shown again)\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run LGI_login and return its exit code: 0 only when the certificate is there."""
    return program.run(command, NAME, arguments)
