"""LGI_certificates: a person's way to the project's certificate authority."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import click

from lgi_tools.certificates import ca, command_csr, command_renewal, inventory, user_directory
from lgi_tools.certificates.ca import Authority
from lgi_tools.certificates.command_options import (
    ALSO,
    DIRECTORY,
    FORCE,
    GROUP,
    KEY_TYPE,
    NAME,
    PASSWORD_FILE,
    PROJECT,
    configuration,
    days,
    of_configuration,
    plain_errors,
    read_password,
    until,
)
from lgi_tools.certificates.entity import Issued
from lgi_tools.certificates.keys import KeyType
from lgi_tools.cli import options, program, terminal
from lgi_tools.joining import authority_command


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--directory",
    type=DIRECTORY,
    default=Path("certificates"),
    envvar="LGI_CERTIFICATES",
    show_default=True,
    show_envvar=True,
    help="Where the CA and what it signed are kept.",
)
@options.version
@click.pass_context
def command(context: click.Context, directory: Path) -> None:
    """Make and list the certificates of an LGI project: first init, then server, resource and user."""
    context.obj = directory


@command.command()
@click.option("--name", default="LGI CA", show_default=True, help="The CA's common name.")
@KEY_TYPE
@days(ca.AUTHORITY_DAYS)
@click.pass_obj
def init(directory: Path, name: str, key_type: str, days: int) -> None:
    """Make the project's certificate authority."""
    with plain_errors():
        made = Authority.create(directory, name, KeyType(key_type), days)
    terminal.show(
        f"CA certificate : {made.ca_file} (give it to everybody who is to trust this project)\n"
        f"CA key         : {directory / ca.KEY} (keep it secret: it can make anybody a certificate)\n"
        f"Revoked        : {made.crl_file} (nothing yet)\n"
        f"Next           : {NAME} --directory {directory} server HOST\n"
    )


@command.command()
@click.argument("host")
@ALSO
@KEY_TYPE
@days(ca.LEAF_DAYS)
@FORCE
@click.pass_obj
def server(directory: Path, host: str, also: tuple[str, ...], key_type: str, days: int, force: bool) -> None:
    """Make a certificate under which a project server answers at HOST."""
    with plain_errors():
        made = Authority.open(directory).issue_server(
            host, also, key_type=KeyType(key_type), days=days, force=force
        )
    _tell(made, "let the project server answer with both; it trusts clients of ca.crt")


@command.command()
@click.argument("name")
@PROJECT
@KEY_TYPE
@days(ca.LEAF_DAYS)
@FORCE
@click.pass_obj
def resource(
    directory: Path, name: str, project: tuple[str, ...], key_type: str, days: int, force: bool
) -> None:
    """Make a certificate for the resource NAME, or for a project server calling its peers (LGI@host)."""
    with plain_errors():
        made = Authority.open(directory).issue_resource(
            name, project, key_type=KeyType(key_type), days=days, force=force
        )
    _tell(made, "give both to the resource and register it on the server: ManageDB add resources allowed")


@command.command()
@click.argument("name")
@GROUP
@PROJECT
@PASSWORD_FILE
@configuration
@KEY_TYPE
@days(ca.LEAF_DAYS)
@FORCE
@click.pass_obj
def user(
    directory: Path,
    name: str,
    group: tuple[str, ...],
    project: tuple[str, ...],
    password_file: Path | None,
    config_dir: Path | None,
    url: str,
    default_project: str,
    key_type: str,
    days: int,
    force: bool,
) -> None:
    """Make a certificate for the user NAME, also as a .p12 file for a browser."""
    with plain_errors():
        if config_dir and not force:
            user_directory.check_free(config_dir)
        password = read_password(password_file)
        made_by = Authority.open(directory)
        made = made_by.issue_user(
            name, group, project, password=password, key_type=KeyType(key_type), days=days, force=force
        )
        if config_dir:
            first_project = default_project or next(iter(project), "")
            user_directory.write(
                config_dir,
                made,
                made_by.ca_file,
                user=name.strip(),
                groups=group,
                server=url,
                project=first_project,
                replace=force,
            )
    _tell(made, "let the user put them into ~/.LGI (--config-dir writes that), and the .p12 into the browser")
    if not password_file:
        terminal.show(f"Password    : {password} (of the .p12 file, shown this once)\n")
    if config_dir:
        terminal.show(of_configuration(config_dir))


@command.command("list")
@click.pass_obj
def list_certificates(directory: Path) -> None:
    """Show the certificates in the directory and until when they are good."""
    with plain_errors():
        listed = inventory.entries(directory, datetime.now(UTC))
        if not listed:
            raise FileNotFoundError(f"there are no certificates in {directory}: make a CA with 'init'")
        terminal.show(inventory.table(listed))


def _tell(made: Issued, following: str) -> None:
    pkcs12 = f"PKCS12      : {made.pkcs12}\n" if made.pkcs12 else ""
    terminal.show(f"{until(made.certificate)}Key         : {made.key}\n{pkcs12}Next        : {following}\n")


for _each in (*command_renewal.COMMANDS, *command_csr.COMMANDS, *authority_command.COMMANDS):
    command.add_command(_each)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command LGI_certificates; its exit code is 0 or, after one line on standard error, 1."""
    return program.run(command, NAME, arguments)
